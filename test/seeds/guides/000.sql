-- Jobs by status
SELECT status, COUNT(*) as count
FROM conversation_analysis_jobs
GROUP BY status;

-- Average processing time
SELECT
  AVG(EXTRACT(EPOCH FROM (updated_at - created_at))) as avg_seconds
FROM conversation_analysis_jobs
WHERE status = 'succeeded';

-- Failed jobs in last hour
SELECT *
FROM conversation_analysis_jobs
WHERE status = 'failed'
  AND updated_at > NOW() - INTERVAL '1 hour'
ORDER BY updated_at DESC;

SELECT * FROM conversation_analysis_jobs WHERE status = 'queued';

SELECT conversation_id, last_error, attempts
FROM conversation_analysis_jobs
WHERE status = 'failed';

INSERT INTO conversation_analysis_jobs (conversation_id, status, created_by)
VALUES ('your-conversation-id', 'queued', 'your-user-id');

SELECT analysis_status FROM conversations WHERE id = 'your-conversation-id';

SELECT * FROM conversation_themes WHERE conversation_id = 'your-conversation-id';

# Trigger for all active deals
curl -X POST http://localhost:3000/api/queue/trigger-daily-briefs

curl http://localhost:3000/api/queue/stats

curl -X POST http://localhost:3000/api/queue/trigger-daily-briefs

curl http://localhost:3000/api/queue/stats

SELECT message_id FROM message_cache;

curl -X POST "http://localhost:5000/api/stories" \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "title": "New AI Model Raises Privacy Concerns",
    "content": "A new AI model has been released...",
    "sectorTag": "AI Ethics",
    "impactTags": ["privacy", "concern"]
  }'

curl -X GET "http://localhost:5000/api/stories/scoring/job/story-enhancement-story-uuid"

curl -X GET "http://localhost:5000/api/stories/scoring/stats"

curl -X GET "http://localhost:8081"  # Redis Commander UI

curl -X POST "http://localhost:5000/api/stories" \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d '{
    "title": "Test Story for Worker",
    "content": "This is a test story to verify worker processing.",
    "sectorTag": "Testing",
    "impactTags": ["test"]
  }'

curl -X GET "http://localhost:5000/api/stories/scoring/openai/test"

curl -X GET "http://localhost:5000/api/stories/scoring/stats"

curl -X GET "http://localhost:5000/api/stories/scoring/job/{job-id}"

curl -X GET "http://localhost:5000/api/stories/scoring/stats"

curl -X GET "http://localhost:5000/api/stories/scoring/job/{job-id}"

curl -X GET "http://localhost:5000/api/stories/scoring/openai/test"

curl -X GET "http://your-api-server:5000/api/stories/scoring/stats"

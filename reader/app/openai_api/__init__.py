"""The OpenAI API over a library: documents and tags are models, chat completions are answers, batches are question files.

For programs that speak this API already. Off unless `serve --openai` asks for it. It answers what OpenAI's reference says, as far
as a memory can, and refuses the rest in OpenAI's shape of an error; answering is `reader.app.workspace`'s.
"""

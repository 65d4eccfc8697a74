"""The stand-in's answers and their encoding in OpenAI's and Anthropic's formats, without I/O."""

"""Run GGUF models with llama.cpp on the CPU."""

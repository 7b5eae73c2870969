"""C source of a kernel for llama.cpp, and how it is compiled."""

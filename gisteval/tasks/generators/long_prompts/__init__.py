"""Long prompts with exact answers, made anew from a seed at any length.

The forms are those of RULER (C.-P. Hsieh et al., arXiv 2404.06654), in words of our own. A length counts
pieces of text (`lengths.size`), not some model's tokens, so every model is asked the same.
"""

"""From the records of two runs to a verdict: is the candidate as good as the baseline?"""

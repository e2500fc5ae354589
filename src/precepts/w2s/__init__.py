"""Weak-to-strong generalization: what a strong student learns from a weaker supervisor's labels.

Burns et al. 2023, arXiv 2312.09390. Glossary:

| word | what it is |
|---|---|
| supervisor | the weaker model (or people): trained on ground truth of the first half of the training rows |
| weak labels | the supervisor's class probabilities on the second half |
| student | the stronger model, trained on the weak labels of the second half |
| ceiling | the student's model trained on ground truth of the same rows |
| PGR | (student - supervisor) / (ceiling - supervisor), all scored on the same test rows |
| method | the loss, the labels and the rows by which a student is trained |
| guard | chooses between a method and naive training without any ground truth |

Shapes: S seeds, M methods, N rows, B rows of a batch, D features, C classes.

Importing this room loads neither torch nor scikit-learn.
"""

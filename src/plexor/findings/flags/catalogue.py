"""Every flag an audit can raise, with the words of its reference page."""

from __future__ import annotations

from plexor.findings.flags import checks, cohort_checks
from plexor.findings.flags.access import queries_beat_gradients
from plexor.findings.flags.flag_kind import FlagKind

FLAG_KINDS = (
    FlagKind(
        id="run-unfinished",
        title="The audit has not finished",
        severity="error",
        raised_if="units of the plan are still to be done when the report is made.",
        why="The cases done so far need not resemble those still missing, and every estimate "
        "will move.",
        what_to_do="Run the same `plexor audit` command again. It goes on where it stopped.",
        check=checks.unfinished,
    ),
    FlagKind(
        id="training-mode",
        title="The model was in training mode",
        severity="error",
        raised_if="the network, or a part of it, was in training mode when it was handed over.",
        why="In training mode, dropout and batch normalisation make the answer for one image "
        "depend on chance and on the other images. Plexor switches to evaluation mode before it "
        "measures; figures obtained elsewhere with the same model may differ.",
        what_to_do="Call `eval()` on the network before use, and look whether your own "
        "evaluation did.",
        check=checks.measured("training-mode"),
    ),
    FlagKind(
        id="non-deterministic",
        title="The model answers differently each time",
        severity="error",
        raised_if="the same images, given twice, get outputs that differ.",
        why="An attack tunes its change to one answer; if the next one differs, success and "
        "failure mix with chance, and a defence by randomness looks stronger than it is.",
        what_to_do="Fix the randomness. If it is part of the model, attack the average over it: "
        "`samples: 16` of `pgd` or `apgd` takes the mean of so many gradients at every step "
        "(expectation over transformations).",
        check=checks.measured("non-deterministic"),
    ),
    FlagKind(
        id="batch-dependent",
        title="The answer depends on the other images of a batch",
        severity="error",
        raised_if="the outputs for one of the first four cases, alone or beside a white image, "
        "differ from those in its batch by more than one percent of the greatest. Cannot be told "
        "of a model that answers differently each time.",
        why="In use, images come in other company, or alone. Accuracy and success then are those "
        "of this order and this batch size, and of nothing else.",
        what_to_do="Look for batch normalisation without running statistics "
        "(`track_running_stats=False`), and for anything that is averaged over the batch.",
        check=checks.measured("batch-dependent"),
    ),
    FlagKind(
        id="probability-outputs",
        title="The model gives probabilities, not logits",
        severity="warning",
        raised_if="all outputs lie between 0 and 1 and, with several classes of which one is "
        "chosen, add up to 1. Not asked of a model that gives a number.",
        why="Probabilities close to 0 and 1 have gradients close to 0. A search that follows "
        "gradients stalls, and the model looks robust without being so.",
        what_to_do="Hand over the network without its last softmax or sigmoid.",
        check=checks.measured("probability-outputs"),
    ),
    FlagKind(
        id="zero-gradients",
        title="The gradient is zero",
        severity="error",
        raised_if="the loss has an exactly zero or a non-finite gradient for some of the images "
        "it was tried on.",
        why="A search that follows gradients cannot start from there. Failure then says nothing "
        "about the model.",
        what_to_do="Look for rounding, thresholds, or `detach` inside the model; try another "
        "loss, or an attack that needs no gradients.",
        check=checks.measured("zero-gradients"),
    ),
    FlagKind(
        id="false-gradients",
        title="The gradient does not say what the output does",
        severity="error",
        raised_if="for at least half of the images tried, a step of one level in length along the "
        "gradient changes the margin by less than a quarter or more than four times of what the "
        "gradient says, or the gradient is no finite number, or so small that the whole range of "
        "the image would not move the output by what float32 can hold. For the margin stands the "
        "number of a model that gives one, and of one that outlines, how far ahead or behind its "
        "classes are on average.",
        why="A model that rounds, and passes gradients through as if it did not, and one whose "
        "output is saturated, send a search astray. So does a gradient that explodes. Failure then "
        "says nothing about the model.",
        what_to_do="Look for rounding, thresholds and custom backward passes inside the model, and "
        "for outputs that are saturated. Add an attack that needs no gradients, such as `square`, "
        "or attack a copy of the model without that part.",
        check=checks.measured("false-gradients"),
    ),
    FlagKind(
        id="unbounded-fails",
        title="Even without a bound the search fails",
        severity="error",
        raised_if="PGD with 20 steps that may change the images without limit leaves more than one "
        "in ten of the first cases rightly decided; of a model that outlines, with a Dice of 0.5 "
        "or more for the class that most of them have. Not asked of a model that gives a number.",
        why="Whoever may replace the whole image can have any decision the model ever gives. A "
        "search that does not get there is blind, and within a radius it is blind as well.",
        what_to_do="Look at the other gradient flags and at the preprocessing. Add an attack that "
        "needs no gradients. A model that gives every image one and the same class raises this "
        "too.",
        check=checks.measured("unbounded-fails"),
    ),
    FlagKind(
        id="gradients-unseen",
        title="The model shows no gradients",
        severity="note",
        raised_if="the model says that it shows its scores or its decisions only.",
        why="Whether gradients are zero, false or of no use cannot be checked, and the strongest "
        "searches follow gradients. A search by queries finds less, so that a model may withstand "
        "it and fall to somebody who has the network.",
        what_to_do="Audit the network itself, if you can get it. If not, say that the figures are "
        "those of an adversary who sees no more than this.",
        check=checks.gradients_unseen,
    ),
    FlagKind(
        id="grey-in-colour",
        title="Grey images are attacked in colour",
        severity="note",
        raised_if="the first cases are grey images stored with equal channels (R = G = B), and an "
        "attack may change each channel by itself.",
        why="An X-ray film or a slice saved as RGB has three numbers for every pixel, and a model "
        "reads all three. A change that colours the image fools models easily and is seen at "
        "once; no detector, scanner or viewer makes it.",
        what_to_do="Write `channels: tied` in the threat. The change is then the same in every "
        "channel, in the stored image too, and the radius stays that of the stored image.",
        check=checks.measured("grey-in-colour"),
    ),
    FlagKind(
        id="groups-overlap",
        title="The model was trained on audited groups",
        severity="error",
        raised_if="a group (patient, lesion) of the audited cases was used to train the model. "
        "Checked where the weights file says which groups were.",
        why="A model knows what it was trained on. Its accuracy there, and what it withstands "
        "there, say little about new patients.",
        what_to_do="Audit a split that shares no group with the training cases; Plexor's own "
        "splits never do.",
        check=checks.measured("groups-overlap"),
    ),
    FlagKind(
        id="fit-overlap",
        title="An attack is judged on what it was fitted on",
        severity="warning",
        raised_if="an attack that is fitted (a universal perturbation, a generator) was fitted on "
        "audited cases, or on other cases of audited groups. Cannot be told of a saved one that "
        "does not know the groups it was fitted on.",
        why="It may have learnt these very images by heart. What it does to them happened, but "
        "says little of what it does to images it never saw, which is what it is for.",
        what_to_do="Fit on another split (`fit: train`), or, with `load`, audit cases it was not "
        "fitted on. Where a published design did otherwise, show both.",
        check=checks.fit_overlap,
    ),
    FlagKind(
        id="decisions-vary",
        title="Untouched images are not always decided alike",
        severity="error",
        raised_if="one case's untouched image has different decisions under different probes.",
        why="Before and after are only comparable if before is one thing.",
        what_to_do="Make the model deterministic; look whether its answer depends on the other "
        "images of a batch.",
        check=checks.decisions_vary,
    ),
    FlagKind(
        id="nothing-changed",
        title="Nothing was changed",
        severity="error",
        raised_if="an attack or a shortcut left every image, as stored losslessly, as it was, in "
        "all cases that it was tried on.",
        why="The model was shown the untouched images once more. That its decisions stayed says "
        "nothing about what it withstands.",
        what_to_do="Give the change room: a greater radius, or a region that is not empty in these "
        "images. If there is room, the search is broken or blind; look at the other flags.",
        check=checks.nothing_changed,
    ),
    FlagKind(
        id="control-missing",
        title="An attack has no control",
        severity="warning",
        raised_if="no noise of an attack's norm and radius was tried on the same cases.",
        why="Without it, one cannot tell a change that was searched for from any change of its "
        "size.",
        what_to_do="Run the audit to its end: the controls come last.",
        check=checks.control_missing,
    ),
    FlagKind(
        id="control-beats-attack",
        title="Noise does as well as the attack",
        severity="error",
        raised_if="noise of the same size reaches an attack's goal in at least as many of the "
        "same cases, and in at least one.",
        why="A search that knows the model must do better than chance. If it does not, it is "
        "broken or blind, and its failure is no evidence of robustness. That random search beats "
        "the gradient is a known sign of hidden gradients; the noise is that random search.",
        what_to_do="Look at the gradient flags; raise the number of steps and restarts; try "
        "another loss. If noise alone is enough, the radius is too wide to tell anything.",
        check=checks.control_beats_attack,
    ),
    FlagKind(
        id="queries-beat-gradients",
        title="Knowing less finds more",
        severity="error",
        raised_if="an attack that sees scores or decisions only reaches significantly more of the "
        "same cases (in a paired test at 5 %, and its form for clusters where groups have several "
        "cases) than every attack with the same threat and goal that sees gradients; or, in a "
        "cascade, at least 6 cases, and one in ten of those that fall, withstand every stage that "
        "sees gradients and fall to one that does not.",
        why="Whoever sees gradients sees scores as well, and can do no worse. If the search by "
        "gradients is the weaker one, the model hides its gradients, or the search is broken.",
        what_to_do="Take the stronger attack's figures, as a lower bound of what is possible. Look "
        "at the other gradient flags; raise the queries, and the steps and restarts of the others.",
        check=queries_beat_gradients,
    ),
    FlagKind(
        id="success-not-growing",
        title="A wider threat brings no more success",
        severity="warning",
        raised_if="the same attack with the same goal and norm succeeds no more often at the "
        "next greater radius, unless it succeeds in 95 % or more there, or in none at the "
        "smaller.",
        why="Whatever lies within the smaller radius lies within the greater. A search that "
        "finds less there is stuck.",
        what_to_do="Let the step size grow with the radius; raise steps and restarts.",
        check=checks.success_not_growing,
    ),
    FlagKind(
        id="budget-unused",
        title="The search does not use what it may",
        severity="warning",
        raised_if="the median change, measured as stored, is shorter than half of the radius "
        "while fewer than 95 % of the attempts succeed. Checked for radii given in levels, or, for "
        "L0, in positions.",
        why="The steps may be too short or too few to reach the edge of the threat; the attack "
        "is then weaker than its radius says.",
        what_to_do="Raise the step size or the number of steps.",
        check=checks.budget_unused,
    ),
    FlagKind(
        id="search-short",
        title="No attack searches for long",
        severity="warning",
        raised_if="no attack spent 10 passes through the model or more on any case in which it "
        "failed.",
        why="A single gradient step finds far less than a search. A model that withstands only "
        "that has withstood little.",
        what_to_do="Add PGD with 20 steps or more to the plan.",
        check=checks.search_short,
    ),
    FlagKind(
        id="out-of-threat",
        title="Proposals broke the threat",
        severity="warning",
        raised_if="the judge measured, on the stored image, a change beyond the radius, outside "
        "the image's range, or not finite.",
        why="Such a proposal never counts as reached. The attack is then weaker than it could "
        "be, or wrong.",
        what_to_do="If the attack is your own, look at its projection and its rounding.",
        check=checks.out_of_threat,
    ),
    FlagKind(
        id="failed-cases",
        title="Cases failed",
        severity="warning",
        raised_if="at least one case of a probe could not be judged.",
        why="A failed case is neither robust nor fooled. If failure is not by chance (large "
        "images, a rare device), the estimates speak of the others only.",
        what_to_do="Read the errors in the findings; mend the files or the model, and run the "
        "audit again.",
        check=checks.failed_cases,
    ),
    FlagKind(
        id="clean-at-chance",
        title="The model may be guessing",
        severity="warning",
        raised_if="on untouched images, the interval of what the model does includes what guessing "
        "gives: of balanced accuracy, one over the number of classes present; of a finding's area "
        "under the ROC curve, 0.5; of a number's R squared, 0; of the Dice of a class, what "
        "outlining the whole image gives.",
        why="A model that does not work untouched has nothing to lose under attack.",
        what_to_do="Check labels, class order, preprocessing and weights before reading on.",
        check=cohort_checks.clean_at_chance,
    ),
    FlagKind(
        id="classes-rare",
        title="A class has few cases",
        severity="note",
        raised_if="a class of the task has fewer than 10 cases in the cohort, or a finding is "
        "present in fewer than 10, or a class is outlined in the truth of fewer than 10.",
        why="Its own figures have wide intervals, and it weighs in balanced accuracy as much as "
        "any other. A class without any case is not in it at all.",
        what_to_do="Add cases of that class, or read its figures as anecdotes.",
        check=cohort_checks.classes_rare,
    ),
    FlagKind(
        id="groups-few",
        title="There are few groups",
        severity="warning",
        raised_if="the cohort has fewer than 30 independent groups (patients, lesions).",
        why="Intervals clustered by group assume many groups; with few they are too narrow.",
        what_to_do="Add patients rather than images.",
        check=cohort_checks.groups_few,
    ),
    FlagKind(
        id="groups-unknown",
        title="Groups are unknown",
        severity="note",
        raised_if="every case is its own group.",
        why="If several images come from one patient after all, they are not independent, and "
        "the intervals are too narrow.",
        what_to_do="Add a `group` column to the manifest, with the patient or the lesion.",
        check=cohort_checks.groups_unknown,
    ),
)
"""In the order a report shows them."""

"""Every flag that an audit can raise, with the text of its reference page."""

from __future__ import annotations

from plexor.findings.flags import checks, cohort_checks
from plexor.findings.flags.access import queries_beat_gradients, stages_skipped
from plexor.findings.flags.flag_kind import FlagKind

FLAG_KINDS = (
    FlagKind(
        id="run-unfinished",
        title="The audit has not finished",
        severity="error",
        raised_if="units of the plan are still to be done when the report is made.",
        why="The cases done so far need not resemble those still missing, and every estimate "
        "will move.",
        what_to_do="Run the same `plexor audit` command again; it resumes the audit.",
        check=checks.unfinished,
    ),
    FlagKind(
        id="training-mode",
        title="The model was in training mode",
        severity="error",
        raised_if="the network, or a part of it, was in training mode when the audit received it.",
        why="In training mode, dropout and batch normalisation make the answer for one image "
        "depend on chance and on the other images. Plexor switches to evaluation mode before it "
        "measures; figures obtained elsewhere with the same model may differ.",
        what_to_do="Call `eval()` on the network before use, and check whether your own "
        "evaluation did.",
        check=checks.measured("training-mode"),
    ),
    FlagKind(
        id="non-deterministic",
        title="Outputs vary, and are not averaged over",
        severity="error",
        raised_if="the same images, given twice, get outputs that differ, unless every attack "
        "averages over outputs, see `non-deterministic-averaged`.",
        why="An attack optimises its change for one output; if the next one differs, success and "
        "failure depend on chance, and a randomised defence looks stronger than it is.",
        what_to_do="Fix the randomness. If it is part of the model, use `cascade`, which averages "
        "gradients over as many outputs as it takes for the mean to settle, or `samples: 16` of "
        "`pgd` or `apgd` (expectation over transformations). Each stored image is then shown to "
        "the model 15 times: a case counts as reached if most outputs reach the goal, and the "
        "report also gives the number of cases in which any output does.",
        check=checks.non_deterministic,
    ),
    FlagKind(
        id="non-deterministic-averaged",
        title="Outputs vary, and attacks average over them",
        severity="warning",
        raised_if="the same images, given twice, get outputs that differ, and every attack is "
        "`cascade` or has more than one of `samples`.",
        why="The mean gradient over a few outputs may still mislead a search, which then leaves "
        "cases that another would reach.",
        what_to_do="Compare with twice the `samples` of `pgd` or `apgd`: if more cases fall, go on "
        "doubling. The report gives the cases in which any, most or the average of 15 new outputs "
        "reach the goal.",
        check=checks.averaged,
    ),
    FlagKind(
        id="batch-dependent",
        title="Outputs depend on the other images of a batch",
        severity="error",
        raised_if="the outputs for one of the first four cases, alone or beside a white image, "
        "differ from those in its batch by more than one percent of how far outputs lie apart. Not "
        "checked for a model whose outputs vary.",
        why="In use, images come in other batches, or alone. Accuracy and success then hold only "
        "for this order and this batch size.",
        what_to_do="Look for batch normalisation without running statistics "
        "(`track_running_stats=False`), and for anything that is averaged over the batch.",
        check=checks.measured("batch-dependent"),
    ),
    FlagKind(
        id="probability-outputs",
        title="The model gives probabilities, not logits",
        severity="warning",
        raised_if="all outputs lie between 0 and 1 and, with several classes of which one is "
        "chosen, add up to 1. Not checked for regression.",
        why="Probabilities close to 0 and 1 have gradients close to 0. A search that follows "
        "gradients stalls, and the model looks robust without being so.",
        what_to_do="Remove the last softmax or sigmoid from the network.",
        check=checks.measured("probability-outputs"),
    ),
    FlagKind(
        id="zero-gradients",
        title="The gradient is zero",
        severity="error",
        raised_if="the loss has an exactly zero or a non-finite gradient for some of the images "
        "it was tried on. Where every attack by gradients follows another one (`backward`, or a "
        "`cascade` that found what hides it), that one is tried.",
        why="A search along gradients cannot start there. Its failure then says nothing "
        "about the model.",
        what_to_do="Look for rounding, thresholds, or `detach` inside the model; the flag names "
        "layers where it finds them. Say in the attack's `backward` what stands for each of them "
        "in the backward pass, e.g. `backward: {guard: identity}`; try another loss, or "
        "an attack that needs no gradients. `cascade` finds such layers itself, or goes on with "
        "queries.",
        check=checks.measured("zero-gradients"),
    ),
    FlagKind(
        id="false-gradients",
        title="The gradient does not predict the output",
        severity="error",
        raised_if="for at least half of the images tried, a step of one level in length along the "
        "gradient changes the margin by less than a quarter or more than four times of what the "
        "gradient says, or the gradient is no finite number, or so small that the whole range of "
        "the image would not change the output by one unit of float32 precision. For regression "
        "the output takes the place of the margin, for segmentation the mean margin of pixels. Not "
        "checked where every attack by gradients follows another gradient than the model's.",
        why="Rounding inside a model with gradients passed through unchanged, or a saturated "
        "output, misleads a search, as do exploding gradients. Failure then "
        "says nothing about the model.",
        what_to_do="Look for rounding, thresholds and custom backward passes inside the model, and "
        "for outputs that are saturated. Add an attack that needs no gradients, such as `square`, "
        "or attack a copy of the model without that part.",
        check=checks.measured("false-gradients"),
    ),
    FlagKind(
        id="unbounded-fails",
        title="The search fails even without bounds",
        severity="error",
        raised_if="PGD with 20 steps that may change the images without limit leaves more than one "
        "in ten of the first cases correctly classified; for segmentation, with a Dice of 0.5 "
        "or more for the class that most of them have. It follows the gradient that "
        "`zero-gradients` is about. Not checked for regression.",
        why="An adversary who may replace the whole image can obtain any decision of the model. A "
        "search that fails to do so is broken or misled, and will also fail within a radius.",
        what_to_do="Look at the other gradient flags and at the preprocessing. Add an attack that "
        "needs no gradients. A model that assigns every image the same class also raises this "
        "flag.",
        check=checks.measured("unbounded-fails"),
    ),
    FlagKind(
        id="gradients-unseen",
        title="The model gives no access to gradients",
        severity="note",
        raised_if="the model states access to scores or decisions only.",
        why="Gradients cannot be checked, and the strongest "
        "searches need them. A search by queries is weaker, so the model may withstand "
        "it and still fail against an adversary who has the network.",
        what_to_do="Audit the network itself, if possible. If not, state that the figures are "
        "those of an adversary with this access.",
        check=checks.gradients_unseen,
    ),
    FlagKind(
        id="answers-differ",
        title="The same model gives other answers than before",
        severity="error",
        raised_if="the run was resumed, and the outputs for four fixed images (noise and ramps in "
        "the shape and range of the first case) differ from those at the first start by more than "
        "a thousandth of the greatest, with the same file or address; of a model that shows its "
        "gradients, by more than a hundredth, since another device rounds otherwise. Not checked "
        "where `non-deterministic` is raised.",
        why="Findings before and after are of two models, and figures over both describe neither.",
        what_to_do="Ask whoever runs the model whether it was replaced, or look for code that "
        "changed beside the weights, and audit the present model into a new directory.",
        check=checks.measured("answers-differ"),
    ),
    FlagKind(
        id="answers-drifted",
        title="The answers changed during the audit",
        severity="error",
        raised_if="the outputs for four fixed images at the end of the audit differ from those at "
        "the start by more than a thousandth of the greatest. Checked for models that show no "
        "gradients, unless `non-deterministic` is raised; a server's ledger is not used for it.",
        why="The model was replaced, or it depends on something other than the image: then some "
        "findings hold for a model that is no longer there.",
        what_to_do="If the outputs vary by chance, see `non-deterministic`. Otherwise find out "
        "what changed, and audit again with a new ledger.",
        check=checks.measured("answers-drifted"),
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
        "Checked if the weights file records the training groups.",
        why="A model does better on its training groups. Its accuracy and robustness "
        "there say little about new patients.",
        what_to_do="Audit a split that shares no group with the training cases; Plexor's own "
        "splits never do.",
        check=checks.measured("groups-overlap"),
    ),
    FlagKind(
        id="fit-overlap",
        title="An attack is judged on cases of its fit",
        severity="warning",
        raised_if="an attack that is fitted (a universal perturbation, a generator) was fitted on "
        "audited cases, or on other cases of audited groups. Not checked for a saved attack that "
        "does not record the groups of its fit.",
        why="The fit may be specific to these images. Its effect on them is real, but "
        "says little about its effect on new images, which is its purpose.",
        what_to_do="Fit on another split (`fit: train`), or, with `load`, audit cases that it "
        "was not fitted on. To repeat a published design that did not, show both.",
        check=checks.fit_overlap,
    ),
    FlagKind(
        id="decisions-vary",
        title="Decisions on untouched images vary",
        severity="error",
        raised_if="the untouched image of a case has different decisions under different probes.",
        why="Before and after can only be compared if the decision before is unique.",
        what_to_do="Make the model deterministic; check whether its output depends on the other "
        "images of a batch.",
        check=checks.decisions_vary,
    ),
    FlagKind(
        id="nothing-changed",
        title="Nothing was changed",
        severity="error",
        raised_if="an attack or a shortcut left every image unchanged, as stored losslessly, in "
        "all cases that it was tried on.",
        why="The model received the untouched images again. That its decisions stayed says "
        "nothing about its robustness.",
        what_to_do="Allow a larger change: a greater radius, or a region that is not empty in "
        "these images. If a larger change is possible already, the search is broken or misled; "
        "look at the other flags.",
        check=checks.nothing_changed,
    ),
    FlagKind(
        id="control-missing",
        title="An attack has no control",
        severity="warning",
        raised_if="no noise of an attack's norm and radius was tried on the same cases.",
        why="Without it, the effect of the search cannot be distinguished from that of any "
        "change of the same size.",
        what_to_do="Run the audit to its end: the controls come last.",
        check=checks.control_missing,
    ),
    FlagKind(
        id="control-beats-attack",
        title="Noise succeeds as often as the attack",
        severity="error",
        raised_if="noise of the same size reaches an attack's goal in at least as many of the "
        "same cases, and in at least one.",
        why="A search that knows the model must do better than chance. If it does not, it is "
        "broken or misled, and its failure is no evidence of robustness. Random search that beats "
        "gradients is a known sign of masked gradients; the noise is such a random search.",
        what_to_do="Look at the gradient flags; raise the number of steps and restarts; try "
        "another loss. If noise alone succeeds, the radius is too large to be informative.",
        check=checks.control_beats_attack,
    ),
    FlagKind(
        id="queries-beat-gradients",
        title="An attack with less access finds more",
        severity="error",
        raised_if="an attack that sees scores or decisions only reaches significantly more of the "
        "same cases (in a paired test at 5 %, and its form for clusters where groups have several "
        "cases) than every attack with the same threat and goal that sees gradients; or, in a "
        "cascade, at least 6 cases, and one in ten of those that fall, withstand every stage that "
        "sees gradients and fall to one that does not.",
        why="An adversary with gradients also has scores, and can do no worse. If the search by "
        "gradients is the weaker one, the model masks its gradients, or the search is broken.",
        what_to_do="Use the stronger attack's figures, as a lower bound of the harm. Look "
        "at the other gradient flags; raise the queries, and the steps and restarts of the others.",
        check=queries_beat_gradients,
    ),
    FlagKind(
        id="stages-skipped",
        title="A cascade could not use gradients",
        severity="warning",
        raised_if="a cascade attacked cases without a single gradient, because the model could "
        "not be differentiated.",
        why="Its strongest stages did not run. What is left was found by queries alone, and the "
        "model may withstand these and still fail against an adversary who replaces the part "
        "that hides the gradient.",
        what_to_do="Say in `backward` what stands for the layers that leave torch, round or "
        "compare: the identity, a blur, or a network of your own that imitates them. If the part "
        "is no layer of the network, make it one. If nothing can stand for it, state that the "
        "figures are those of an adversary without gradients.",
        check=stages_skipped,
    ),
    FlagKind(
        id="success-not-growing",
        title="Success does not grow with the radius",
        severity="warning",
        raised_if="the same attack with the same goal and norm succeeds no more often at the "
        "next greater radius, unless it succeeds in 95 % or more there, or in none at the "
        "smaller.",
        why="Every change within the smaller radius is within the greater one. A search that "
        "finds less there is stuck.",
        what_to_do="Let the step size grow with the radius; raise steps and restarts.",
        check=checks.success_not_growing,
    ),
    FlagKind(
        id="budget-unused",
        title="The search does not use its radius",
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
        title="No attack makes a long search",
        severity="warning",
        raised_if="no attack spent 10 passes through the model or more on any case in which it "
        "failed.",
        why="A single gradient step finds far less than a search. Robustness against it "
        "alone means little.",
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
        why="A failed case is neither robust nor fooled. If failures are systematic (large "
        "images, a rare device), the estimates hold only for the others.",
        what_to_do="Read the errors in the findings; correct the files or the model, and run the "
        "audit again.",
        check=checks.failed_cases,
    ),
    FlagKind(
        id="clean-at-chance",
        title="The model may be no better than chance",
        severity="warning",
        raised_if="on untouched images, the interval of the main figure includes the value for "
        "guessing: for balanced accuracy, one over the number of classes present; for a label's "
        "area under the ROC curve, 0.5; for R squared, 0; for the Dice of a class, that of "
        "outlining the whole image.",
        why="A model without skill on untouched images has nothing to lose under attack.",
        what_to_do="Check labels, class order, preprocessing and weights first.",
        check=cohort_checks.clean_at_chance,
    ),
    FlagKind(
        id="classes-rare",
        title="A class has few cases",
        severity="note",
        raised_if="a class of the task has fewer than 10 cases in the cohort, or a label is "
        "present in fewer than 10, or a class is outlined in the truth of fewer than 10.",
        why="Its figures have wide intervals, and it counts in balanced accuracy as much as "
        "any other. A class without cases is left out.",
        what_to_do="Add cases of that class, or do not interpret its figures.",
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
        why="If several images do come from one patient, they are not independent, and "
        "the intervals are too narrow.",
        what_to_do="Add a `group` column to the manifest, with the patient or the lesion.",
        check=cohort_checks.groups_unknown,
    ),
)
"""All flags, in the order of a report."""

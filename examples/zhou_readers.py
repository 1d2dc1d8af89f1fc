"""Five simulated readers look for manipulated images, as in Zhou et al., Nat Commun 2021;12:7281.

    python examples/zhou_readers.py FOLDER

Five radiologists there recognised between 29 % and 71 % of mammograms that a generator network had
altered. Here five readers have such hit rates, on images drawn at random, and 20 % false alarms.
Their answers come in by CSV, as reads made elsewhere do, and the study is closed and analysed.
FOLDER/study/analysis.html is the page.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from plexor.core.files import write_atomic
from plexor.findings.reader_results import dump_results
from plexor.readers.analyse import analyse_study, rows_of
from plexor.readers.design import load_study
from plexor.readers.enrol import close
from plexor.readers.export import Unblinded
from plexor.readers.outside import import_reads
from plexor.readers.prepare import create_study
from plexor.readers.sources import from_folder
from plexor.readers.store import Store, database_url
from plexor.report import reader_report

N_CASES = 100
HIT_RATES = {"r1": 0.29, "r2": 0.40, "r3": 0.50, "r4": 0.60, "r5": 0.71}
FALSE_ALARMS = 0.2

folder = Path(sys.argv[1])
rng = np.random.default_rng(2021)

# Images that stand for mammograms: simulated readers do not look at them.
for number in range(N_CASES):
    image = rng.integers(40, 200, (32, 32)).astype(np.uint8)
    for arm, pixels in (("original", image), ("altered", image + np.uint8(1))):
        path = folder / "images" / arm / f"case-{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

study = load_study(
    {
        "name": "zhou",
        "title": "Was this mammogram manipulated?",
        "consent": "I take part freely, and may stop at any time.",
        "questions": [{"id": "altered", "type": "yes-no", "ask": "Was the image manipulated?"}],
        "arms": {"original": {}, "altered": {}},
        "shown": "crossed",
        "analysis": {"positive": {"altered": {"arm": "altered"}}},
    }
)
create_study(
    study,
    from_folder(folder / "images", study),
    folder=folder / "study",
    key=folder / "key",
    seed=2021,
)

with (folder / "outside.csv").open("w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(("reader", "case", "arm", "question", "answer"))
    for reader, hits in HIT_RATES.items():
        for arm, rate in (("original", FALSE_ALARMS), ("altered", hits)):
            yes = rng.permutation(N_CASES) < round(rate * N_CASES)
            for number, said in enumerate(yes):
                answer = "true" if said else "false"
                rows.writerow((reader, f"case-{number:02d}", arm, "altered", answer))

store = Store.open(database_url(folder / "study", None))
import_reads(store, folder / "outside.csv", Unblinded.read(folder / "key"))
close(store)
found = analyse_study(store, folder / "study", folder / "key")
store.close()

write_atomic(folder / "study" / "analysis.json", dump_results(found.stored()))
write_atomic(folder / "study" / "analysis.html", reader_report(found.stored()).encode())
for _, measure, who, value, _ in rows_of(found):
    print(f"{measure:14} {who:12} {value}")

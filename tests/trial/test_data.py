"""`paperworks run NAME --data PATH`: the same claims on other data, kept apart from all else."""

import sqlite3

import pytest
from PIL import Image
from tests.trial.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> House:
    made = House(tmp_path_factory.mktemp("house"))
    for label, name in enumerate(("cat", "dog")):
        (made.folder / "pets" / name).mkdir(parents=True)
        for i in range(10):
            grey = Image.new("L", (9, 9), 100 + 50 * label)
            grey.save(made.folder / "pets" / name / f"{i}.png")
    (made.folder / "corpus.txt").write_text("many letters " * 50)
    return made


@pytest.fixture(scope="module")
def own(house) -> dict:
    """What the work's own data gave."""
    return house.json("run", "looker", "--seeds", "5")


@pytest.fixture(scope="module")
def on_pets(house, own) -> dict:
    """What other data gave, after that; how much of each kind was stored before."""
    before = {table: rows(house, table) for table in ("trials", "runs", "elsewhere")}
    return house.json("run", "looker", "--data", "pets", "--seeds", "5") | {"before": before}


def rows(house: House, table: str) -> int:
    with sqlite3.connect(house.folder / "home" / "paperworks.db") as store:
        return store.execute(f"SELECT count(*) FROM {table} WHERE paper = 'looker'").fetchone()[0]


def test_the_claims_that_can_have_the_data_run_on_them(house, own, on_pets):
    assert "data" not in own
    found, before = on_pets, on_pets["before"]
    assert before["elsewhere"] == 0
    (sees,) = found["claims"]
    assert sees["name"] == "sees"
    assert sees["verdict"] == "holds"
    assert all(0.39 < value < 0.59 for value in sees["baseline"])  # pixels are 100 or 150
    assert len(set(sees["baseline"])) > 1  # other seeds, other examples
    assert found["left_out"] == {"reads": "it wants a text", "knows": "it asks for no such data"}
    told = found["data"]
    assert (told["name"], told["kind"]) == ("pets", "images")
    assert told["taken"].startswith("2 classes (cat, dog): 8 to train, 2 to validate, 4 to test")
    assert rows(house, "trials") == before["trials"]  # no verdict about the work comes of it
    assert rows(house, "elsewhere") == 1
    assert rows(house, "runs") == before["runs"] + 15

    again = house.call("run", "looker", "--data", f"{house.folder}/pets", "--seeds", "5")
    assert "0 runs measured" not in again.stderr  # what did not fit is asked again
    assert again.stdout.startswith("On pets (images, ")
    assert "LEFT OUT  reads: it wants a text" in again.stdout
    assert rows(house, "runs") == before["runs"] + 15
    assert (house.folder / "home" / "figures" / "looker-on-pets.svg").exists()
    now = house.json("run", "looker", "--seeds", "5")
    assert now["claims"] == own["claims"]


def test_they_are_shown_beside_the_verdicts_and_are_none(house, on_pets):
    shown = house.json("show", "looker")
    assert {trial["data"]["name"] for trial in shown["elsewhere"]} == {"pets"}
    assert {trial["claim"] for trial in shown["trials"]} == {"sees", "reads", "knows"}
    assert "On other data, which decides nothing above:" in house.call("show", "looker").stdout
    house.call("report", "looker", "--out", "pages")
    page = (house.folder / "pages" / "looker.html").read_text()
    assert "On pets (images, " in page
    figures = (house.folder / "home" / "figures" / "looker-on-pets.html").read_text()
    assert "not the work's own data: 2 classes" in figures


def test_another_kind_is_for_another_claim(house):
    found = house.json("run", "looker", "--claim", "reads", "--data", "corpus.txt", "--seeds", "5")
    assert [claim["name"] for claim in found["claims"]] == ["reads"]
    none = house.call("run", "looker", "--claim", "sees", "--data", "corpus.txt")
    assert none.returncode == 2
    assert "corpus.txt is a text. No claim of looker can be run so" in none.stderr
    assert "sees: it wants images." in none.stderr


def test_what_is_wrong_with_the_data_is_said_once(house):
    missing = house.call("run", "looker", "--data", "nowhere")
    assert missing.returncode == 2
    assert "There is no" in missing.stderr
    few = house.folder / "few"
    for name in ("cat", "dog"):
        (few / name).mkdir(parents=True)
        Image.new("L", (9, 9)).save(few / name / "1.png")
    done = house.call("run", "looker", "--claim", "sees", "--data", "few")
    assert done.returncode == 2
    assert "Too few examples: the claim asks for 8 to train" in done.stderr
    (few / "cat" / "2.png").write_text("none")
    for i in range(20):
        Image.new("L", (9, 9)).save(few / "dog" / f"{i}.png")
    (few / "cat" / "1.png").write_text("none")
    done = house.call("run", "looker", "--claim", "sees", "--data", "few", "--seeds", "10")
    assert done.returncode == 2
    assert "cannot be read as an image" in done.stderr
    assert "few/cat/" in done.stderr


def test_a_ledger_takes_the_works_own_data_only(house):
    done = house.call("run", "looker", "--data", "pets", "--ledger", "ledger")
    assert done.returncode == 2
    assert "The ledger takes what a work's own data gave" in done.stderr
    assert not (house.folder / "ledger").exists()

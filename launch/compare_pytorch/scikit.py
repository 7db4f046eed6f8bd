"""Prepares the tables that scikit-learn carries: their first line holds counts and names of classes, not of columns."""

import csv
import pathlib
import sys

COLUMNS = {
    "iris": "sepal length,sepal width,petal length,petal width".split(","),
    "wine_data": "alcohol,malic acid,ash,alcalinity of ash,magnesium,total phenols,flavanoids,nonflavanoid phenols,"
    "proanthocyanins,color intensity,hue,od280/od315,proline".split(","),
    "breast_cancer": [
        f"{kind} {name}" for kind in ("mean", "error", "worst")
        for name in ("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
                     "concave points", "symmetry", "fractal dimension")],
}


def prepare(source, train, test, every=5):
    """Writes CSV files with names of columns and words for classes; one row in `every` is a test row."""
    with open(source, newline="") as file:
        counts, *rows = csv.reader(file)
    names = counts[2:]
    columns = COLUMNS[pathlib.Path(source).stem]
    assert (len(rows), len(columns)) == (int(counts[0]), int(counts[1])), source
    for path, wanted in ((train, False), (test, True)):
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*columns, "class"])
            for place, row in enumerate(rows):
                if (place % every == every - 1) == wanted:
                    writer.writerow([*row[:-1], names[int(row[-1])]])


if __name__ == "__main__":
    prepare(*sys.argv[1:4])

"""Makes house_prices.json: the book's preparation of the Kaggle files as pandas does it.

    python make_house_prices.py FOLDER >house_prices.json

FOLDER holds kaggle_house_pred_train.csv and kaggle_house_pred_test.csv. `None` is a word, as in the notes' pandas 1.
"""

import json
import sys

import pandas

NA = [word for word in pandas._libs.parsers.STR_NA_VALUES if word != "None"]


def read(name):
    return pandas.read_csv(f"{sys.argv[1]}/kaggle_house_pred_{name}.csv", keep_default_na=False, na_values=NA)


train, test = read("train"), read("test")
features = pandas.concat((train.iloc[:, 1:-1], test.iloc[:, 1:]))
numeric = [name for name in features.columns if pandas.api.types.is_numeric_dtype(features[name])]
features[numeric] = features[numeric].astype("float64").apply(lambda x: (x - x.mean()) / x.std())
features[numeric] = features[numeric].fillna(0)
features = pandas.get_dummies(features, dummy_na=True)
values = features.values.astype("float64")
samples = [(row * 37 % len(values), row * 101 % values.shape[1]) for row in range(500)]
json.dump({
    "shape": list(values.shape), "train": len(train), "names": list(features.columns),
    "sums": [float(column.sum()) for column in values.T], "squares": [float((column ** 2).sum()) for column in values.T],
    "samples": [[row, column, float(values[row, column])] for row, column in samples],
    "priceSum": float(train.SalePrice.sum()),
}, sys.stdout, separators=(",", ":"))
print()

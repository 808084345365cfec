"""A pipeline with an output of each kind that luisy can write. CODE stands for the code: its hash changes with it."""

import luigi
import luisy
import pandas as pd
from luisy.decorators import (
    csv_output,
    feather_output,
    final,
    hdf_output,
    interim,
    json_output,
    make_directory_output,
    pickle_output,
    raw,
    xlsx_output,
)

CODE = 1


@raw
@csv_output
class Table(luisy.Task):
    def run(self):
        self.write(pd.DataFrame({"x": [1, 2, 3], "y": [CODE, CODE, CODE]}))


@raw
@pickle_output
class Named(luisy.Task):
    name = luigi.Parameter(default="a + b%20[ü]#1?&=")

    def run(self):
        self.write(self.name)


@luisy.requires(Table)
@interim
@hdf_output
class Store(luisy.Task):
    def run(self):
        table = self.input().read()
        self.write(pd.concat([table] * 20_000))


@luisy.requires(Table)
@interim
@feather_output
class Feather(luisy.Task):
    def run(self):
        self.write(self.input().read())


@luisy.requires(Table)
@interim
@xlsx_output
class Sheet(luisy.Task):
    def run(self):
        self.write(self.input().read())


@luisy.requires(Store, Feather, Sheet, Named)
@final
@json_output
class Sum(luisy.Task):
    def run(self):
        store, feather, sheet, named = [target.read() for target in self.input()]
        self.write({"rows": len(store), "sum": int(feather["x"].sum() + sheet["x"].sum()), "named": named})


@final
@csv_output
class One(luisy.Task):
    part = luigi.IntParameter()

    def run(self):
        self.write(pd.DataFrame({"part": [self.part], "code": [CODE]}))


class All(luisy.WrapperTask):
    def requires(self):
        return [Sum(), One(part=1)]


@raw
@make_directory_output(lambda path: path.rpartition("/")[2])
class Delivered(luisy.ExternalTask):
    """A directory that comes from elsewhere."""

    def get_folder_name(self):
        return "delivered"


@luisy.requires(Delivered)
@final
@json_output
class Read(luisy.Task):
    def run(self):
        self.write({"files": sorted(self.input().read())})

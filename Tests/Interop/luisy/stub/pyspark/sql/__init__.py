class DataFrame:
    pass


class SparkSession:
    builder = None

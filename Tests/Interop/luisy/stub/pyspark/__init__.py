class SparkContext:
    _active_spark_context = None

"""DuckDB's side of the intake benchmark: reads the files and adds up the four costs by day, sub account and service."""

import glob
import json
import sys

import duckdb

container, folder = sys.argv[1], sys.argv[2]
COSTS = ["BilledCost", "EffectiveCost", "ListCost", "ContractedCost"]
connection = duckdb.connect()
if container == "parquet":
    source = f"read_parquet({sorted(glob.glob(folder + '/**/*.parquet', recursive=True))!r})"
    cost = "{0}"
else:
    source = f"read_csv({sorted(glob.glob(folder + '/**/*.csv.gz', recursive=True))!r}, header = true, all_varchar = true)"
    cost = "cast({0} as decimal(38, 28))"
sums = ", ".join(f"sum({cost.format(name)}) as {name}" for name in COSTS)
connection.execute(
    f"create temp table cube as select cast(ChargePeriodStart as varchar)[:10] as day, SubAccountId, ServiceName, {sums} from {source} group by all"
)
totals = connection.execute("select " + ", ".join(f"cast(sum({name}) as varchar)" for name in COSTS) + " from cube").fetchone()
print(json.dumps(totals))

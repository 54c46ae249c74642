package io.github.wandacuda.bench.compare;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.bench.cases.CopyCase;
import io.github.wandacuda.bench.cases.DataKind;
import io.github.wandacuda.bench.cases.SelectCase;
import io.github.wandacuda.bench.cases.SelectCodesCase;
import io.github.wandacuda.bench.common.WeightBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Selections beside a copy, PyTorch, tame data, one thread, and without the library around them.
 */
final class SelectRows {
  private static final int THREADS = Runtime.getRuntime().availableProcessors();

  /** What {@code kthvalue} may prune more than asked for, since it takes all ties. */
  private static final double MORE_BY_TIES = 1.01;

  private SelectRows() {}

  static Outcome besideCopy(Row row, Place place, Pairs pairs) {
    try (SelectCase select = new SelectCase(setup(row, DataKind.GAUSSIAN, THREADS));
        CopyCase copy = new CopyCase(select.sources(), THREADS)) {
      select.check();
      copy.check();
      return pairs.measure(
          Unit.WEIGHTS, side(select), new Pairs.Side(select.weights(), Work.of(copy::run)));
    }
  }

  static Outcome besideGaussian(Row row, Place place, Pairs pairs) {
    DataKind data = DataKind.valueOf(row.get("data"));
    try (SelectCase hostile = new SelectCase(setup(row, data, THREADS));
        SelectCase tame = new SelectCase(setup(row, DataKind.GAUSSIAN, THREADS))) {
      hostile.check();
      tame.check();
      return pairs.measure(Unit.WEIGHTS, side(hostile), side(tame));
    }
  }

  static Outcome besideOneThread(Row row, Place place, Pairs pairs) {
    int threads = row.number("threads");
    if (threads > THREADS) {
      throw new NotRunException("only %d processors".formatted(THREADS));
    }
    try (SelectCase many = new SelectCase(setup(row, DataKind.GAUSSIAN, threads));
        SelectCase one = new SelectCase(setup(row, DataKind.GAUSSIAN, 1))) {
      many.check();
      one.check();
      return pairs.measure(Unit.WEIGHTS, side(many), side(one));
    }
  }

  static Outcome callBesideTiles(Row row, Place place, Pairs pairs) {
    try (SelectCase call = SelectCase.byPruner(setup(row, DataKind.GAUSSIAN, THREADS));
        SelectCase tiles = new SelectCase(setup(row, DataKind.GAUSSIAN, THREADS))) {
      call.check();
      tiles.check();
      return pairs.measure(Unit.WEIGHTS, side(call), side(tiles));
    }
  }

  static Outcome callBesidePlan(Row row, Place place, Pairs pairs) {
    try (SelectCase call = SelectCase.byPruner(setup(row, DataKind.GAUSSIAN, THREADS));
        SelectCase plan = SelectCase.byPlan(setup(row, DataKind.GAUSSIAN, 1))) {
      call.check();
      plan.check();
      return pairs.measureExcess(side(call), side(plan));
    }
  }

  static Outcome codesBesideBfloat(Row row, Place place, Pairs pairs) {
    String shape = row.get("shape");
    String amount = row.get("amount");
    SelectCase.Setup setup =
        new SelectCase.Setup(shape, DType.BF16, amount, DataKind.GAUSSIAN, THREADS);
    try (SelectCodesCase codes = new SelectCodesCase(setup, row.get("format"));
        SelectCase plain = new SelectCase(setup)) {
      codes.check();
      plain.check();
      return pairs.measure(
          Unit.WEIGHTS, new Pairs.Side(codes.weights(), codes::seconds), side(plain));
    }
  }

  static Outcome besideTorch(Row row, Place place, Pairs pairs) {
    Path weights = place.memory().resolve("weights");
    Path norms = place.memory().resolve("norms");
    Path pruned = place.memory().resolve("pruned");
    try (SelectCase select = new SelectCase(setup(row, DataKind.GAUSSIAN, THREADS))) {
      select.check();
      RawFiles.write(weights, select.source().data());
      RawFiles.write(norms, MemorySegment.ofArray(select.norms()));
      List<String> arguments =
          List.of(
              row.get("method"),
              row.get("dtype"),
              row.get("shape"),
              Long.toString(select.perRow()),
              Integer.toString(THREADS),
              weights.toString(),
              norms.toString(),
              pruned.toString());
      try (Peer torch =
          new Peer(Place.python("torch"), place.script("torch_peer.py"), arguments, Map.of())) {
        torch.ask("write");
        if (row.get("method").equals("sort")) {
          checkSame(select, pruned);
        } else {
          checkCount(select, pruned);
        }
        Outcome outcome =
            pairs.measure(
                Unit.WEIGHTS, side(select), new Pairs.Side(select.weights(), torch.work()));
        return outcome.with(torch.facts());
      }
    }
  }

  private static void checkSame(SelectCase select, Path pruned) {
    try (Arena arena = Arena.ofConfined()) {
      long differs = RawFiles.map(pruned, arena).mismatch(select.result().data());
      if (differs >= 0) {
        throw new IllegalStateException("PyTorch prunes other weights, at byte " + differs);
      }
    }
  }

  private static void checkCount(SelectCase select, Path pruned) {
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix ours = select.result();
      WeightMatrix theirs =
          WeightMatrix.of(RawFiles.map(pruned, arena), ours.dtype(), ours.rows(), ours.columns());
      long expected = WeightBytes.zeros(ours);
      long found = WeightBytes.zeros(theirs);
      if (found < expected || found > expected * MORE_BY_TIES) {
        throw new IllegalStateException(
            "PyTorch leaves %d zeros, we leave %d".formatted(found, expected));
      }
    }
  }

  private static SelectCase.Setup setup(Row row, DataKind data, int threads) {
    return new SelectCase.Setup(
        row.get("shape"), DType.valueOf(row.get("dtype")), row.get("amount"), data, threads);
  }

  private static Pairs.Side side(SelectCase select) {
    return new Pairs.Side(select.weights(), select::seconds);
  }
}

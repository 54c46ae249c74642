package io.github.wandacuda.bench.compare;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.bench.cases.AttentionCase;
import io.github.wandacuda.bench.cases.GenerateCase;
import io.github.wandacuda.bench.cases.LinearCase;
import io.github.wandacuda.bench.cases.Matrices;
import io.github.wandacuda.bench.cases.MomentsCase;
import io.github.wandacuda.bench.cases.NormsCase;
import io.github.wandacuda.bench.cases.ReadCase;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;

/** Column norms, second moments, linear layers and attention. */
final class ForwardRows {
  private static final int THREADS = Runtime.getRuntime().availableProcessors();

  /** Outputs are of the order of one; both sides round sums of thousands of products. */
  private static final float SGEMM_TOLERANCE = 1e-3f;

  /** Bytes of a row of what is read. */
  private static final int READ_ROW = 4096;

  private ForwardRows() {}

  static Outcome normsBesideRead(Row row, Place place, Pairs pairs) {
    int[] sizes = Matrices.sizes(row.get("shape"));
    try (NormsCase norms = new NormsCase(sizes[0], sizes[1], THREADS);
        ReadCase read = new ReadCase(sizes[0], sizes[1], THREADS)) {
      norms.check();
      read.check();
      return pairs.measure(
          Unit.BYTES,
          new Pairs.Side(norms.bytes(), Work.of(norms::run)),
          new Pairs.Side(read.bytes(), Work.of(read::run)));
    }
  }

  static Outcome fewTokensBesideRead(Row row, Place place, Pairs pairs) {
    int[] sizes = Matrices.sizes(row.get("shape"));
    DType dtype = DType.valueOf(row.get("dtype"));
    int floats = sizes[1] * dtype.bytes() / Float.BYTES;
    try (LinearCase linear =
            LinearCase.resident(row.number("tokens"), row.get("shape"), dtype, THREADS);
        ReadCase read = new ReadCase(sizes[0], floats, THREADS)) {
      linear.check();
      read.check();
      return pairs.measure(
          Unit.BYTES,
          new Pairs.Side(linear.matrix().elements() * dtype.bytes(), Work.of(linear::run)),
          new Pairs.Side(read.bytes(), Work.of(read::run)));
    }
  }

  static Outcome codesBesideBfloat(Row row, Place place, Pairs pairs) {
    int tokens = row.number("tokens");
    String shape = row.get("shape");
    try (LinearCase codes = LinearCase.coded(tokens, shape, row.get("format"), THREADS);
        LinearCase plain =
            tokens == 1
                ? LinearCase.resident(1, shape, DType.BF16, THREADS)
                : new LinearCase(tokens, shape, DType.BF16, THREADS)) {
      codes.check();
      plain.check();
      return pairs.measure(Unit.FLOPS, side(codes), side(plain));
    }
  }

  static Outcome tokenBesideRead(Row row, Place place, Pairs pairs) {
    try (GenerateCase generate =
            new GenerateCase(
                place.memory(),
                row.get("model"),
                row.number("prompt"),
                row.number("tokens"),
                THREADS);
        ReadCase read =
            new ReadCase((int) (generate.bytes() / READ_ROW), READ_ROW / Float.BYTES, THREADS)) {
      read.check();
      return pairs.measure(
          Unit.BYTES,
          new Pairs.Side(generate.bytes(), Work.of(generate::run)),
          new Pairs.Side(read.bytes(), Work.of(read::run)));
    }
  }

  static Outcome linearBesideOpenBlas(Row row, Place place, Pairs pairs) {
    Path weights = place.memory().resolve("weights");
    Path inputs = place.memory().resolve("inputs");
    Path outputs = place.memory().resolve("outputs");
    try (LinearCase linear = linear(row, THREADS)) {
      linear.check();
      writeFloats(weights, linear.matrix());
      writeFloats(inputs, linear.activations());
      List<String> arguments =
          List.of(
              row.get("tokens") + "x" + row.get("shape"),
              Integer.toString(THREADS),
              inputs.toString(),
              weights.toString(),
              outputs.toString());
      try (Peer openBlas =
          new Peer(
              Place.python("ctypes"),
              place.script("openblas_peer.py"),
              arguments,
              OpenBlasCore.variables(row.get("core")))) {
        openBlas.ask("write");
        compare(linear, outputs);
        Outcome outcome =
            pairs.measure(
                Unit.FLOPS, side(linear), new Pairs.Side(linear.flops(), openBlas.work()));
        return outcome.with(openBlas.facts());
      }
    }
  }

  static Outcome linearBesideOneThread(Row row, Place place, Pairs pairs) {
    int threads = row.number("threads");
    if (threads > THREADS) {
      throw new NotRunException("only %d processors".formatted(THREADS));
    }
    try (LinearCase many = linear(row, threads);
        LinearCase one = linear(row, 1)) {
      many.check();
      one.check();
      return pairs.measure(Unit.FLOPS, side(many), side(one));
    }
  }

  static Outcome attentionBesideLinear(Row row, Place place, Pairs pairs) {
    try (AttentionCase attention = new AttentionCase(row.get("attention"), THREADS);
        LinearCase linear = linear(row, THREADS)) {
      attention.check();
      linear.check();
      return pairs.measure(
          Unit.FLOPS, new Pairs.Side(attention.flops(), Work.of(attention::run)), side(linear));
    }
  }

  static Outcome momentsBesideLinear(Row row, Place place, Pairs pairs) {
    try (MomentsCase moments =
            new MomentsCase(row.number("tokens"), row.number("columns"), THREADS);
        LinearCase linear = linear(row, THREADS)) {
      moments.check();
      linear.check();
      return pairs.measure(
          Unit.FLOPS, new Pairs.Side(moments.flops(), Work.of(moments::run)), side(linear));
    }
  }

  private static LinearCase linear(Row row, int threads) {
    return new LinearCase(
        row.number("tokens"), row.get("shape"), DType.valueOf(row.get("dtype")), threads);
  }

  private static Pairs.Side side(LinearCase linear) {
    return new Pairs.Side(linear.flops(), Work.of(linear::run));
  }

  /**
   * OpenBLAS has no BF16 x F32 product, so it gets the same values widened, before the clock runs.
   */
  private static void writeFloats(Path file, WeightMatrix matrix) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = arena.allocate(matrix.elements() * Float.BYTES, Long.BYTES);
      long at = 0;
      for (int r = 0; r < matrix.rows(); r++) {
        for (int c = 0; c < matrix.columns(); c++) {
          floats.setAtIndex(ValueLayout.JAVA_FLOAT, at++, matrix.get(r, c));
        }
      }
      RawFiles.write(file, floats);
    }
  }

  private static void compare(LinearCase linear, Path outputs) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ours = linear.outputs(arena);
      MemorySegment theirs = RawFiles.map(outputs, arena);
      for (long i = 0; i < ours.byteSize() / Float.BYTES; i++) {
        float expected = theirs.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        float found = ours.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        if (!(Math.abs(found - expected) <= SGEMM_TOLERANCE)) {
          throw new IllegalStateException(
              "output %d is %s, OpenBLAS has %s".formatted(i, found, expected));
        }
      }
    }
  }
}

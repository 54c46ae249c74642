package io.github.wandacuda.bench.compare;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.bench.cases.GenerateCase;
import io.github.wandacuda.bench.cases.Matrices;
import io.github.wandacuda.bench.cases.NarrowedModel;
import io.github.wandacuda.bench.cases.PackedModels;
import io.github.wandacuda.bench.cases.ReadCase;
import io.github.wandacuda.bench.cases.SparseCase;
import io.github.wandacuda.bench.common.CheckpointShape;
import java.util.Map;

/** Packed weights beside dense ones. */
final class SparseRows {
  private static final int THREADS = Runtime.getRuntime().availableProcessors();

  /** Bytes of a row of what is read. */
  private static final int READ_ROW = 4096;

  /** Tokens that both models must agree in, before roundings may tell them apart. */
  private static final int SAME_TOKENS = 4;

  private SparseRows() {}

  static Outcome besideDense(Row row, Place place, Pairs pairs) {
    requireFastKernels();
    try (SparseCase packed = SparseCase.packed(setup(row));
        SparseCase dense = SparseCase.dense(setup(row))) {
      packed.check();
      dense.check();
      return pairs
          .measure(
              Unit.WEIGHTS,
              new Pairs.Side(packed.weights(), Work.of(packed::run)),
              new Pairs.Side(dense.weights(), Work.of(dense::run)))
          .with(facts(packed));
    }
  }

  static Outcome besideRead(Row row, Place place, Pairs pairs) {
    requireFastKernels();
    int rows = (int) Math.ceilDiv(readBytes(row), (long) READ_ROW);
    try (SparseCase packed = SparseCase.packed(setup(row));
        ReadCase read = new ReadCase(rows, READ_ROW / Float.BYTES, THREADS)) {
      packed.check();
      read.check();
      return pairs
          .measure(
              Unit.BYTES,
              new Pairs.Side(packed.denseBytes(), Work.of(packed::run)),
              new Pairs.Side(read.bytes(), Work.of(read::run)))
          .with(facts(packed));
    }
  }

  /** As much as the weights' copies take, or as one of them where tiny sizes are asked for. */
  private static long readBytes(Row row) {
    int[] sizes = Matrices.sizes(row.get("shape"));
    long weight = (long) sizes[0] * sizes[1] * DType.BF16.bytes();
    return weight < READ_ROW * READ_ROW ? weight : SparseCase.COLD_BYTES;
  }

  private static SparseCase.Setup setup(Row row) {
    return new SparseCase.Setup(row.number("tokens"), row.get("shape"), row.get("amount"), THREADS);
  }

  private static Map<String, Object> facts(SparseCase packed) {
    return Map.of("packed_bytes", packed.bytes(), "dense_bytes", packed.denseBytes());
  }

  private static void requireFastKernels() {
    if (!SparseMatrix.isFasterThanDense(DType.BF16)) {
      throw new NotRunException("here packed weights are unpacked: " + SparseMatrix.kernels());
    }
  }

  /** A packed model as {@code generate} runs it, which keeps its weights as is faster here. */
  static Outcome generateBesideDense(Row row, Place place, Pairs pairs) {
    CheckpointShape shape = GenerateCase.shape(row.get("model"));
    PackedModels models = PackedModels.prepare(place.memory(), place.jar(), shape);
    Map<String, Object> facts =
        Map.of(
            "file_share",
            models.share(),
            "packed_memory",
            models.packedMemory(),
            "dense_memory",
            models.denseMemory());
    int prompt = row.number("prompt");
    int tokens = row.number("tokens");
    try (GenerateCase packed = GenerateCase.of(models.packed(), shape, prompt, tokens, THREADS);
        GenerateCase dense = GenerateCase.of(models.dense(), shape, prompt, tokens, THREADS)) {
      requireSameTokens(packed, dense);
      return pairs
          .measure(
              Unit.TOKENS,
              new Pairs.Side(1, Work.of(packed::run)),
              new Pairs.Side(1, Work.of(dense::run)))
          .with(facts)
          .with(Map.of("weights", packed.keeping().toString()));
    }
  }

  /** A model without a fifth of its blocks' parameters, a quarter of its channels, about. */
  static Outcome smallerBesideDense(Row row, Place place, Pairs pairs) {
    CheckpointShape shape = GenerateCase.shape(row.get("model"));
    NarrowedModel narrowed = NarrowedModel.prepare(place.memory(), place.jar(), shape);
    int prompt = row.number("prompt");
    int tokens = row.number("tokens");
    try (GenerateCase smaller =
            GenerateCase.of(narrowed.smaller(), shape, prompt, tokens, THREADS);
        GenerateCase dense = GenerateCase.of(narrowed.dense(), shape, prompt, tokens, THREADS)) {
      return pairs
          .measure(
              Unit.TOKENS,
              new Pairs.Side(1, Work.of(smaller::run)),
              new Pairs.Side(1, Work.of(dense::run)))
          .with(Map.of("share_removed", narrowed.share()));
    }
  }

  private static void requireSameTokens(GenerateCase packed, GenerateCase dense) {
    for (int i = 0; i < SAME_TOKENS; i++) {
      if (packed.token() != dense.token()) {
        throw new IllegalStateException(
            "token %d is %d, the dense model's is %d".formatted(i, packed.token(), dense.token()));
      }
      packed.run();
      dense.run();
    }
  }
}

package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.DeviceSparse;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.bench.common.NormalWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Linear layers of one to eight tokens whose BF16 weights are packed, half of each four at random
 * places being zeros: tokens x input features x output features. Memory is what bounds them.
 */
final class SparseCases {
  private static final String NAME = "packed linear";

  /** Columns of which half are zeros, so that it is known beforehand how much is stored. */
  private static final int GROUP = 4;

  private SparseCases() {}

  static List<KernelCase> of(Shapes shapes) {
    List<KernelCase> cases = new ArrayList<>();
    shapes.of("packed").forEach(shape -> cases.add(of(shape[0], shape[1], shape[2])));
    return cases;
  }

  private static KernelCase of(int tokens, int inputs, int outputs) {
    long values = (long) inputs * outputs / 2 * DType.BF16.bytes();
    long bits = (long) outputs * Math.ceilDiv(inputs, Byte.SIZE);
    long activations = (long) tokens * (inputs + outputs) * Float.BYTES;
    long bytes = values + bits + (long) outputs * Long.BYTES + activations;
    return new KernelCase(
        new KernelCase.Label(
            NAME,
            tokens + "x" + inputs + "x" + outputs,
            DType.BF16.name(),
            WeightKind.NORMAL.label()),
        bytes,
        0,
        bytes,
        bench -> prepare(bench, tokens, inputs, outputs));
  }

  private static KernelCase.Prepared prepare(Workbench bench, int tokens, int inputs, int outputs) {
    SampleRows activations =
        bench.rows(DType.F32, tokens, inputs, WeightKind.NORMAL, 1 / NormalWeights.DEVIATION);
    DeviceRows[] x = bench.matrices(activations, DType.F32, tokens, inputs, inputs);
    DeviceRows[] out = bench.outputs(DType.F32, tokens, outputs, outputs);
    SparseMatrix packed = weight(inputs, outputs);
    DeviceSparse[] weights = new DeviceSparse[bench.rotations()];
    for (int i = 0; i < weights.length; i++) {
      weights[i] =
          new DeviceSparse(
              bench.upload(packed.values()),
              bench.upload(packed.bitmask()),
              bench.upload(packed.rowOffsets()),
              packed.dtype(),
              outputs,
              inputs);
    }
    GpuForwardKernels kernels = bench.queue().forward();
    return new KernelCase.Prepared(
        turn -> kernels.sparse(x[turn], weights[turn], null, out[turn]),
        () -> check(bench, activations, packed, out[0]));
  }

  private static SparseMatrix weight(int inputs, int outputs) {
    NormalWeights values = new NormalWeights(NormalWeights.DEVIATION);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment data = arena.allocate((long) inputs * outputs * DType.BF16.bytes(), Long.BYTES);
      WeightMatrix dense = WeightMatrix.of(data, DType.BF16, outputs, inputs);
      IntStream.range(0, outputs).parallel().forEach(row -> fill(dense, row, values));
      return SparseMatrix.pack(dense);
    }
  }

  private static void fill(WeightMatrix dense, int row, NormalWeights values) {
    int bytes = dense.dtype().bytes();
    MemorySegment content =
        dense.data().asSlice(dense.byteOffset(row, 0), (long) dense.columns() * bytes);
    values.fill(content.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN), row);
    SplittableRandom random = new SplittableRandom(row);
    for (int column = 0; column < dense.columns(); column += GROUP) {
      int first = random.nextInt(GROUP);
      int second = (first + 1 + random.nextInt(GROUP - 1)) % GROUP;
      content.asSlice((long) (column + first) * bytes, bytes).fill((byte) 0);
      content.asSlice((long) (column + second) * bytes, bytes).fill((byte) 0);
    }
  }

  /** The last output, by the packed weight on the CPU, which has the same bits. */
  private static void check(Workbench bench, SampleRows x, SparseMatrix packed, DeviceRows out) {
    int token = out.rows() - 1;
    int feature = packed.rows() - 1;
    float[] row = new float[packed.columns()];
    for (int column = 0; column < row.length; column++) {
      row[column] = x.get(token, column);
    }
    float[] expected = new float[packed.rows()];
    packed.multiply(row, 0, 1, expected, 0, feature, feature + 1);
    KernelCase.expect("output", expected[feature], bench.element(out, token, feature), 0);
  }
}

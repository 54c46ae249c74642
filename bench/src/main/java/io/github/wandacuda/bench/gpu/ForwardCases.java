package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.bench.common.NormalWeights;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.PackedTriangle;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The kernels of the forward pass on float32 activations, all but the linear layers. */
final class ForwardCases {
  private static final double UNIT = 1 / NormalWeights.DEVIATION;
  private static final float EPSILON = 1e-5f;
  private static final int MOMENTS_RUN = 256;

  private ForwardCases() {}

  static List<KernelCase> of(Shapes shapes) {
    List<KernelCase> cases = new ArrayList<>();
    shapes.of("column_squares").forEach(shape -> cases.add(columnSquares(shape)));
    shapes.of("second_moments").forEach(shape -> cases.add(secondMoments(shape)));
    shapes.of("rms_norm").forEach(shape -> cases.add(rmsNorm(shape)));
    shapes.of("silu_multiply").forEach(shape -> cases.add(siluMultiply(shape)));
    shapes.of("attention").forEach(shape -> cases.add(attention(shape)));
    return cases;
  }

  private static KernelCase of(
      String name, int[] shape, long bytes, KernelCase.Preparation preparation) {
    return new KernelCase(label(name, shape), bytes, 0, bytes, preparation);
  }

  private static KernelCase.Label label(String name, int[] shape) {
    return new KernelCase.Label(
        name,
        String.join("x", Arrays.stream(shape).mapToObj(Integer::toString).toList()),
        DType.F32.name(),
        WeightKind.NORMAL.label());
  }

  private static long bytes(int[] shape) {
    return (long) shape[0] * shape[1] * Float.BYTES;
  }

  private static SampleRows activations(Workbench bench, int rows, int columns) {
    return bench.rows(DType.F32, rows, columns, WeightKind.NORMAL, UNIT);
  }

  private static DeviceRows[] matrices(Workbench bench, SampleRows content, int[] shape) {
    return bench.matrices(content, DType.F32, shape[0], shape[1], shape[1]);
  }

  private static KernelCase columnSquares(int[] shape) {
    return of(
        "column squares",
        shape,
        bytes(shape),
        bench -> {
          SampleRows content = activations(bench, shape[0], shape[1]);
          DeviceRows[] x = matrices(bench, content, shape);
          GpuForwardKernels kernels = bench.queue().forward();
          long stateBytes = kernels.columnSquaresBytes(shape[1]);
          DevicePointer state = bench.memory(stateBytes);
          bench.queue().clear(state, stateBytes);
          return new KernelCase.Prepared(
              turn -> kernels.columnSquares(x[turn], state),
              () -> checkSquares(bench, content, shape, state));
        });
  }

  private static void checkSquares(
      Workbench bench, SampleRows content, int[] shape, DevicePointer state) {
    int columns = shape[1];
    DevicePointer sums = bench.memory(2L * columns * Float.BYTES);
    bench.queue().forward().columnSums(state, columns, sums);
    float[] found = bench.floats(sums, 2 * columns);
    int last = columns - 1;
    double expected = 0;
    for (int token = 0; token < shape[0]; token++) {
      expected += Math.pow(content.get(token, last), 2);
    }
    KernelCase.expect(
        "sum", expected, (double) found[last] + found[columns + last], 1e-6 * expected);
  }

  /** The pairs i &lt;= j alone; every 256 tokens their sums are read and written. */
  private static KernelCase secondMoments(int[] shape) {
    long pairs = PackedTriangle.elements(shape[1]);
    long stateBytes = pairs * GpuForwardKernels.MOMENT_BYTES;
    long bytes = bytes(shape) + 2 * stateBytes * Math.ceilDiv(shape[0], MOMENTS_RUN);
    return new KernelCase(
        label("second moments", shape),
        bytes,
        2 * pairs * shape[0],
        // The sums are there once, for all rotations.
        bytes(shape) + stateBytes,
        bench -> {
          SampleRows content = activations(bench, shape[0], shape[1]);
          DeviceRows[] x = matrices(bench, content, shape);
          GpuForwardKernels kernels = bench.queue().forward();
          DevicePointer state = bench.memory(stateBytes);
          bench.queue().clear(state, stateBytes);
          return new KernelCase.Prepared(
              turn -> kernels.secondMoments(x[turn], state),
              () -> checkMoments(bench, content, shape, state));
        });
  }

  /** The first row's last pair. */
  private static void checkMoments(
      Workbench bench, SampleRows content, int[] shape, DevicePointer state) {
    int last = shape[1] - 1;
    double expected = 0;
    double size = 0;
    for (int token = 0; token < shape[0]; token++) {
      double product = (double) content.get(token, 0) * content.get(token, last);
      expected += product;
      size += Math.abs(product);
    }
    MemorySegment sums = bench.download(state, (long) shape[1] * GpuForwardKernels.MOMENT_BYTES);
    double found = bench.queue().forward().moment(sums, last);
    KernelCase.expect("moment", expected, found, 1e-5 * size);
  }

  private static KernelCase rmsNorm(int[] shape) {
    return of(
        "rmsNorm",
        shape,
        2 * bytes(shape),
        bench -> {
          SampleRows content = activations(bench, shape[0], shape[1]);
          DeviceRows[] x = matrices(bench, content, shape);
          DeviceRows[] out = bench.outputs(DType.F32, shape[0], shape[1], shape[1]);
          DevicePointer gain = bench.upload(WeightKind.NORMAL.norms(shape[1]));
          GpuForwardKernels kernels = bench.queue().forward();
          return new KernelCase.Prepared(
              turn -> kernels.rmsNorm(x[turn], gain, EPSILON, out[turn]),
              () -> checkNorm(bench, content, out[0]));
        });
  }

  private static void checkNorm(Workbench bench, SampleRows content, DeviceRows out) {
    int row = out.rows() - 1;
    double squares = 0;
    for (int column = 0; column < out.columns(); column++) {
      squares += Math.pow(content.get(row, column), 2);
    }
    double scale = 1 / Math.sqrt(squares / out.columns() + EPSILON);
    double expected = content.get(row, 0) * scale * WeightKind.NORMAL.norms(out.columns())[0];
    KernelCase.expect(
        "norm", expected, bench.element(out, row, 0), 1e-5 + 1e-5 * Math.abs(expected));
  }

  private static KernelCase siluMultiply(int[] shape) {
    return of(
        "siluMultiply",
        shape,
        3 * bytes(shape),
        bench -> {
          SampleRows content = activations(bench, shape[0], shape[1]);
          DeviceRows[] gate = matrices(bench, content, shape);
          DeviceRows[] up = matrices(bench, content, shape);
          DeviceRows[] out = bench.outputs(DType.F32, shape[0], shape[1], shape[1]);
          GpuForwardKernels kernels = bench.queue().forward();
          return new KernelCase.Prepared(
              turn ->
                  kernels.elementwise(
                      new Elementwise.Gate(Activation.SILU), gate[turn], up[turn], out[turn]),
              () -> {
                double value = content.get(shape[0] - 1, 0);
                double expected = value / (1 + Math.exp(-value)) * value;
                KernelCase.expect(
                    "product", expected, bench.element(out[0], shape[0] - 1, 0), 1e-4);
              });
        });
  }

  /** Two products of half the square of the tokens, since no query looks ahead. */
  private static KernelCase attention(int[] shape) {
    int tokens = shape[0];
    int heads = shape[1];
    int headSize = shape[2];
    int width = heads * headSize;
    long bytes = 4L * tokens * width * Float.BYTES;
    long flops = 2L * tokens * (tokens + 1L) * width;
    return new KernelCase(
        label("attention", shape),
        bytes,
        flops,
        bytes,
        bench -> {
          int[] matrix = {tokens, width};
          SampleRows content = activations(bench, tokens, width);
          DeviceRows[] q = matrices(bench, content, matrix);
          DeviceRows[] k = matrices(bench, content, matrix);
          DeviceRows[] v = matrices(bench, content, matrix);
          DeviceRows[] out = bench.outputs(DType.F32, tokens, width, width);
          float scale = (float) (1 / Math.sqrt(headSize));
          AttentionShape attention =
              new AttentionShape(tokens, 0, heads, heads, headSize, scale, 0, 0);
          GpuForwardKernels kernels = bench.queue().forward();
          return new KernelCase.Prepared(
              turn ->
                  kernels.attention(
                      new AttentionOperands<>(
                          q[turn], k[turn], v[turn], attention, null, null, out[turn])),
              () -> checkAttention(bench, content, out[0], attention));
        });
  }

  /** The last query of head 0, which sees every key. */
  private static void checkAttention(
      Workbench bench, SampleRows content, DeviceRows out, AttentionShape shape) {
    int query = out.rows() - 1;
    double[] scores = new double[out.rows()];
    for (int key = 0; key < scores.length; key++) {
      for (int i = 0; i < shape.headSize(); i++) {
        scores[key] += (double) content.get(query, i) * content.get(key, i) * shape.scale();
      }
    }
    double highest = Arrays.stream(scores).max().orElseThrow();
    double weights = 0;
    double sum = 0;
    for (int key = 0; key < scores.length; key++) {
      double weight = Math.exp(scores[key] - highest);
      weights += weight;
      sum += weight * content.get(key, 0);
    }
    KernelCase.expect("attended", sum / weights, bench.element(out, query, 0), 1e-3);
  }
}

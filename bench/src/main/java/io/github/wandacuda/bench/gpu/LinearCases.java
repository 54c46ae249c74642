package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.bench.common.NormalWeights;
import io.github.wandacuda.bench.device.DeviceAccess;
import io.github.wandacuda.bench.device.Linear;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Linear layers: tokens x input features x output features. */
final class LinearCases {
  /**
   * How far results may be off, as the root of the mean of squares, in units of the root of the sum
   * of squared products. What is left of activations in two 16-bit parts, and what tensor cores cut
   * off of sums of 4096 products, is less than half of it; rounding activations to 11 bits makes
   * 2.1e-4.
   */
  private static final double HIGH = 1e-4;

  /** The same where activations are rounded to 8 bits or more, which makes up to 1.7e-3. */
  private static final double FAST = 2.5e-3;

  /** A single result may be off by that much more: a normal distribution hasn't 6 deviations. */
  private static final double MOST = 8;

  private LinearCases() {}

  /** All layers of a device, side by side for each shape and type. */
  static List<KernelCase> of(List<int[]> shapes, List<DType> types, DeviceAccess access) {
    List<KernelCase> cases = new ArrayList<>();
    for (int[] shape : shapes) {
      for (DType dtype : types) {
        access
            .linears()
            .forEach(
                (name, linear) -> {
                  if (dtype != DType.F32 || !name.equals(Linear.FAST)) {
                    cases.add(of(name, shape, DType.F32, dtype, linear));
                  }
                });
        access
            .reference()
            .ifPresent(linear -> cases.add(of(Linear.CUBLAS, shape, dtype, dtype, linear)));
      }
    }
    return cases;
  }

  private static KernelCase of(
      String name, int[] shape, DType inputType, DType dtype, Linear linear) {
    int tokens = shape[0];
    int inputs = shape[1];
    int outputs = shape[2];
    long inputBytes = tokens * SampleRows.stride(inputType, inputs) * inputType.bytes();
    long weightBytes = outputs * SampleRows.stride(dtype, inputs) * dtype.bytes();
    long bytes = weightBytes + inputBytes + (long) tokens * outputs * Float.BYTES;
    return new KernelCase(
        new KernelCase.Label(
            name, tokens + "x" + inputs + "x" + outputs, dtype.name(), WeightKind.NORMAL.label()),
        bytes,
        2L * tokens * inputs * outputs,
        bytes,
        bench -> prepare(bench, name, shape, inputType, dtype, linear));
  }

  private static KernelCase.Prepared prepare(
      Workbench bench, String name, int[] shape, DType inputType, DType dtype, Linear linear) {
    int tokens = shape[0];
    int inputs = shape[1];
    int outputs = shape[2];
    SampleRows activations =
        bench.rows(inputType, tokens, inputs, WeightKind.NORMAL, 1 / NormalWeights.DEVIATION);
    SampleRows weights = bench.rows(dtype, outputs, inputs, WeightKind.NORMAL, 1);
    DeviceRows[] x =
        bench.matrices(
            activations, inputType, tokens, inputs, SampleRows.stride(inputType, inputs));
    DeviceRows[] w =
        bench.matrices(weights, dtype, outputs, inputs, SampleRows.stride(dtype, inputs));
    DeviceRows[] out = bench.outputs(DType.F32, tokens, outputs, outputs);
    double tolerance = name.equals(Linear.FAST) ? FAST : HIGH;
    return new KernelCase.Prepared(
        turn -> linear.apply(x[turn], w[turn], out[turn]),
        () -> check(bench, activations, weights, out[0], tolerance));
  }

  /** All results against sums in float64, of rows that differ; the others repeat them. */
  private static void check(
      Workbench bench, SampleRows x, SampleRows w, DeviceRows out, double tolerance) {
    int features = w.count();
    double[] expected = new double[x.count() * features];
    double[] sizes = new double[expected.length];
    IntStream.range(0, expected.length)
        .parallel()
        .forEach(
            at -> {
              double sum = 0;
              double squares = 0;
              for (int column = 0; column < x.columns(); column++) {
                double product =
                    (double) x.get(at / features, column) * w.get(at % features, column);
                sum += product;
                squares += product * product;
              }
              expected[at] = sum;
              sizes[at] = Math.sqrt(squares);
            });
    float[] found = bench.floats(out.data(), out.rows() * out.columns());
    double squares = 0;
    double largest = 0;
    for (int i = 0; i < found.length; i++) {
      int token = i / out.columns() % x.count();
      int at = token * features + i % out.columns() % features;
      double error = Math.abs(found[i] - expected[at]) / sizes[at];
      squares += error * error;
      largest = error <= largest ? largest : error;
    }
    double mean = Math.sqrt(squares / found.length);
    KernelCase.expect("error of outputs (root mean square)", 0, mean, tolerance);
    KernelCase.expect("largest error of an output", 0, largest, MOST * tolerance);
  }
}

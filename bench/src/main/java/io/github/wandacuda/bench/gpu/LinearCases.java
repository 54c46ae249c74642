package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.bench.common.NormalWeights;
import java.util.ArrayList;
import java.util.List;

/** Linear layers: tokens x input features x output features. */
final class LinearCases {
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
        bench -> prepare(bench, shape, inputType, dtype, linear));
  }

  private static KernelCase.Prepared prepare(
      Workbench bench, int[] shape, DType inputType, DType dtype, Linear linear) {
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
    return new KernelCase.Prepared(
        turn -> linear.apply(x[turn], w[turn], out[turn]),
        () -> check(bench, activations, weights, out[0], inputs));
  }

  /** Inputs may be rounded to the weights' 8 digits: 2^-9 of each product, in random directions. */
  private static void check(
      Workbench bench, SampleRows x, SampleRows w, DeviceRows out, int inputs) {
    int token = out.rows() - 1;
    int feature = out.columns() - 1;
    double expected = 0;
    double squares = 0;
    for (int column = 0; column < inputs; column++) {
      double product = (double) x.get(token, column) * w.get(feature, column);
      expected += product;
      squares += product * product;
    }
    KernelCase.expect(
        "output", expected, bench.element(out, token, feature), 0.02 * Math.sqrt(squares) + 1e-5);
  }
}

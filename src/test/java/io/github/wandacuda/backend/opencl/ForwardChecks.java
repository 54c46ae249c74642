package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.ColumnSquares;
import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.backend.cpu.CpuTensor;
import io.github.wandacuda.backend.cpu.Samples;
import io.github.wandacuda.backend.cpu.ScalarForward;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.ForwardKernels;
import io.github.wandacuda.parallel.Workers;
import io.github.wandacuda.tensor.DType;
import io.github.wandacuda.tensor.WeightMatrix;
import java.util.Arrays;

/** Compares kernels of the forward pass with the scalar ones of the CPU. */
final class ForwardChecks implements AutoCloseable {
  /** Of results that are means of normal values. */
  private static final float ATTENTION_TOLERANCE = 1e-5f;

  private final ForwardDevice device;
  private final ForwardKernels kernels;
  private final Workers workers = new Workers(2);
  private final Operations cpu = new CpuOperations(new ScalarForward(), workers);
  private final Samples samples = new Samples(11);

  ForwardChecks(ForwardDevice device, ForwardKernels kernels) {
    this.device = device;
    this.kernels = kernels;
  }

  Samples samples() {
    return samples;
  }

  private void assertBits(DeviceMatrix found, CpuTensor expected) {
    assertThat(bits(device.floats(found))).isEqualTo(Samples.bits(expected));
  }

  /** As {@link Samples#bits}. */
  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    Arrays.setAll(bits, i -> Float.floatToIntBits(values[i]));
    return bits;
  }

  private DeviceMatrix like(CpuTensor tensor) {
    return device.empty(tensor.rows(), tensor.columns(), tensor.columns());
  }

  void embed(WeightMatrix table, int... tokens) {
    CpuTensor expected = CpuTensor.zeros(tokens.length, table.columns());
    cpu.embed(cpu.weight(table), tokens, expected);
    DeviceMatrix out = like(expected);
    kernels.embed(device.copy(table), device.copy(tokens), out);
    assertBits(out, expected);
  }

  void rmsNorm(CpuTensor x) {
    CpuTensor gain = samples.tensor(1, x.columns());
    CpuTensor expected = CpuTensor.zeros(x.rows(), x.columns());
    cpu.rmsNorm(x, gain, 1e-5f, expected);
    DeviceMatrix out = like(expected);
    DeviceMatrix inPlace = device.copy(x);
    DevicePointer gains = device.copy(gain).data();
    kernels.rmsNorm(inPlace, gains, 1e-5f, out);
    assertBits(out, expected);
    kernels.rmsNorm(inPlace, gains, 1e-5f, inPlace);
    assertBits(inPlace, expected);
  }

  void linear(int columns) {
    linear(DType.BF16, 20, 70, columns);
  }

  void linear(DType dtype, int tokens, int features, int columns) {
    CpuTensor x = samples.tensor(tokens, columns);
    CpuTensor bias = samples.tensor(1, features);
    WeightMatrix w = samples.weight(dtype, features, columns, Samples.Layout.PADDED_ROWS);
    linear(x, w, null, features);
    linear(x, w, bias, features + 5);
  }

  private void linear(CpuTensor x, WeightMatrix w, CpuTensor bias, int stride) {
    CpuTensor expected = CpuTensor.zeros(x.rows(), w.rows());
    cpu.linear(x, cpu.weight(w), bias, expected);
    DeviceMatrix out = device.empty(x.rows(), w.rows(), stride);
    DevicePointer biases = bias == null ? null : device.copy(bias).data();
    kernels.linear(device.copy(x), device.copy(w), biases, out);
    assertBits(out, expected);
  }

  void rotate(int sequences, int positions, int heads, int headSize) {
    CpuTensor x = samples.tensor(sequences * positions, heads * headSize);
    CpuTensor cos = samples.tensor(positions, headSize / 2);
    CpuTensor sin = samples.tensor(positions, headSize / 2);
    DeviceMatrix rotated = device.copy(x);
    kernels.rotate(rotated, headSize, device.copy(cos), device.copy(sin));
    CpuTensor expected = Samples.copy(x);
    cpu.rotate(expected, headSize, cos, sin);
    assertBits(rotated, expected);
  }

  void attention(int sequences, AttentionShape shape) {
    int tokens = sequences * shape.sequenceLength();
    int shared = shape.keyValueHeads() * shape.headSize();
    attention(
        samples.tensor(tokens, shape.heads() * shape.headSize()),
        samples.tensor(tokens, shared),
        samples.tensor(tokens, shared),
        shape);
  }

  void attention(CpuTensor q, CpuTensor k, CpuTensor v, AttentionShape shape) {
    CpuTensor expected = CpuTensor.zeros(q.rows(), q.columns());
    cpu.attention(q, k, v, shape, null, expected);
    DeviceMatrix out = like(expected);
    kernels.attention(device.copy(q), device.copy(k), device.copy(v), shape, null, out);
    float[] found = device.floats(out);
    for (int i = 0; i < found.length; i++) {
      float sound = expected.data()[expected.at(0) + i];
      if (!(Math.abs(found[i] - sound) <= ATTENTION_TOLERANCE)) {
        fail(
            "token %d, column %d: expected %s, found %s",
            i / q.columns(), i % q.columns(), sound, found[i]);
      }
    }
  }

  void siluMultiply(CpuTensor gate, CpuTensor up) {
    CpuTensor expected = CpuTensor.zeros(gate.rows(), gate.columns());
    cpu.gate(Activation.SILU, gate, up, expected);
    DeviceMatrix gates = device.copy(gate);
    DeviceMatrix ups = device.copy(up);
    DeviceMatrix out = like(expected);
    kernels.gate(Activation.SILU, gates, ups, out);
    assertBits(out, expected);
    kernels.gate(Activation.SILU, gates, ups, gates);
    assertBits(gates, expected);
    kernels.gate(Activation.SILU, device.copy(gate), ups, ups);
    assertBits(ups, expected);
  }

  void add(CpuTensor x, CpuTensor y) {
    DeviceMatrix sum = device.copy(x);
    kernels.add(sum, device.copy(y));
    CpuTensor expected = Samples.copy(x);
    cpu.add(expected, y);
    assertBits(sum, expected);
  }

  /** Sums up several matrices of as many columns. */
  void columnSquares(CpuTensor... parts) {
    int columns = parts[0].columns();
    CpuTensor zeros = CpuTensor.zeros(1, Math.toIntExact(kernels.columnSquaresBytes(columns) / 4));
    DevicePointer state = device.copy(zeros).data();
    DeviceMatrix sums = device.empty(2, columns, columns);
    ColumnSquares expected = cpu.columnSquares(columns);
    for (CpuTensor part : parts) {
      kernels.columnSquares(device.copy(part), state);
      expected.add(part);
    }
    kernels.columnSums(state, columns, sums.data());
    float[] found = device.floats(sums);
    double[] doubles = expected.sums();
    for (int c = 0; c < columns; c++) {
      double sum = (double) found[c] + found[columns + c];
      assertThat(Float.floatToIntBits((float) sum))
          .as("column %d: %s, %s on the CPU", c, sum, doubles[c])
          .isEqualTo(Float.floatToIntBits((float) doubles[c]));
    }
  }

  void crossEntropy(CpuTensor logits) {
    int[] targets = new int[logits.rows()];
    Arrays.setAll(targets, t -> (t * 31 + 7) % logits.columns());
    double[] expected = cpu.crossEntropy(logits, targets);
    DeviceMatrix losses = device.empty(logits.rows(), ForwardKernels.LOSS_FLOATS, 3);
    kernels.crossEntropy(device.copy(logits), device.copy(targets), losses.data());
    float[] found = device.floats(losses);
    double[] loss = new double[expected.length];
    Arrays.setAll(
        loss, t -> Math.log(found[3 * t + 1]) + ((double) found[3 * t] - found[3 * t + 2]));
    assertThat(loss).isEqualTo(expected);
  }

  @Override
  public void close() {
    workers.close();
  }
}

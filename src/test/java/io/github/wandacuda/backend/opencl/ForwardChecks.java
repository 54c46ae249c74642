package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuOperations;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Compares kernels of the forward pass with the scalar ones of the CPU. */
final class ForwardChecks implements AutoCloseable {
  /** Of whole sequences' results, which are means of normal values. */
  private static final float ATTENTION_TOLERANCE = 1e-5f;

  private final ForwardDevice device;
  private final GpuForwardKernels kernels;
  private final Workers workers = new Workers(2);
  private final Operations cpu = CpuOperations.checked(new ScalarForward(), workers, null);
  private final Samples samples = new Samples(11);

  ForwardChecks(ForwardDevice device, GpuForwardKernels kernels) {
    this.device = device;
    this.kernels = kernels;
  }

  Samples samples() {
    return samples;
  }

  private void assertBits(DeviceRows found, CpuTensor expected) {
    assertThat(bits(device.floats(found))).isEqualTo(Samples.bits(expected));
  }

  /** As {@link Samples#bits}. */
  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    Arrays.setAll(bits, i -> Float.floatToIntBits(values[i]));
    return bits;
  }

  private DeviceRows like(CpuTensor tensor) {
    return device.empty(tensor.rows(), tensor.columns(), tensor.columns());
  }

  void embed(WeightMatrix table, int... tokens) {
    CpuTensor expected = CpuTensor.zeros(tokens.length, table.columns());
    cpu.embed(cpu.weight(table), tokens, expected);
    DeviceRows out = like(expected);
    kernels.embed(device.copy(table), device.copy(tokens), out);
    assertBits(out, expected);
  }

  void rmsNorm(CpuTensor x) {
    CpuTensor gain = samples.tensor(1, x.columns());
    CpuTensor expected = CpuTensor.zeros(x.rows(), x.columns());
    cpu.rmsNorm(x, gain, 1e-5f, expected);
    DeviceRows out = like(expected);
    DeviceRows inPlace = device.copy(x);
    DevicePointer gains = device.copy(gain).data();
    kernels.rmsNorm(inPlace, gains, 1e-5f, out);
    assertBits(out, expected);
    kernels.rmsNorm(inPlace, gains, 1e-5f, inPlace);
    assertBits(inPlace, expected);
  }

  /** With a bias and without. */
  void layerNorm(CpuTensor x) {
    CpuTensor gain = samples.tensor(1, x.columns());
    DevicePointer gains = device.copy(gain).data();
    for (CpuTensor bias : new CpuTensor[] {samples.tensor(1, x.columns()), null}) {
      CpuTensor expected = CpuTensor.zeros(x.rows(), x.columns());
      cpu.layerNorm(x, gain, bias, 1e-5f, expected);
      DevicePointer biases = bias == null ? null : device.copy(bias).data();
      DeviceRows out = like(expected);
      DeviceRows inPlace = device.copy(x);
      kernels.layerNorm(inPlace, gains, biases, 1e-5f, out);
      assertBits(out, expected);
      kernels.layerNorm(inPlace, gains, biases, 1e-5f, inPlace);
      assertBits(inPlace, expected);
    }
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
    DeviceRows out = device.empty(x.rows(), w.rows(), stride);
    DevicePointer biases = bias == null ? null : device.copy(bias).data();
    kernels.linear(device.copy(x), device.copy(w), biases, out);
    assertBits(out, expected);
  }

  void rotate(int sequences, int positions, int heads, int headSize, int pairs) {
    CpuTensor x = samples.tensor(sequences * positions, heads * headSize);
    CpuTensor cos = samples.tensor(positions, pairs);
    CpuTensor sin = samples.tensor(positions, pairs);
    DeviceRows rotated = device.copy(x);
    kernels.rotate(rotated, headSize, device.copy(cos), device.copy(sin));
    CpuTensor expected = Samples.copy(x);
    cpu.rotate(expected, headSize, cos, sin);
    assertBits(rotated, expected);
  }

  void attention(int sequences, AttentionShape shape) {
    attention(sequences, shape, null);
  }

  /**
   * @param keyBias may be null
   */
  void attention(int sequences, AttentionShape shape, CpuTensor keyBias) {
    int tokens = sequences * shape.sequenceLength();
    int shared = shape.keyValueHeads() * shape.headSize();
    attention(
        samples.tensor(sequences * shape.queries(), shape.heads() * shape.headSize()),
        samples.tensor(tokens, shared),
        samples.tensor(tokens, shared),
        shape,
        keyBias);
  }

  private void attention(
      CpuTensor q, CpuTensor k, CpuTensor v, AttentionShape shape, CpuTensor keyBias) {
    CpuTensor expected = CpuTensor.zeros(q.rows(), q.columns());
    cpu.attention(q, k, v, shape, keyBias, expected);
    DeviceRows out = like(expected);
    DeviceRows biases = keyBias == null ? null : device.copy(keyBias);
    kernels.attention(
        new AttentionOperands<>(
            device.copy(q), device.copy(k), device.copy(v), shape, biases, out));
    float tolerance = shape.past() > 0 ? 0 : ATTENTION_TOLERANCE;
    float[] found = device.floats(out);
    for (int i = 0; i < found.length; i++) {
      float sound = expected.data()[expected.at(0) + i];
      if (!(Math.abs(found[i] - sound) <= tolerance)) {
        fail(
            "token %d, column %d: expected %s, found %s",
            i / q.columns(), i % q.columns(), sound, found[i]);
      }
    }
  }

  void activate(Activation activation, CpuTensor x) {
    CpuTensor expected = CpuTensor.zeros(x.rows(), x.columns());
    cpu.elementwise(activation, x, null, expected);
    DeviceRows inPlace = device.copy(x);
    DeviceRows out = like(expected);
    kernels.elementwise(activation, inPlace, null, out);
    assertBits(out, expected);
    kernels.elementwise(activation, inPlace, null, inPlace);
    assertBits(inPlace, expected);
  }

  void gate(Activation activation, CpuTensor gate, CpuTensor up) {
    CpuTensor expected = CpuTensor.zeros(gate.rows(), gate.columns());
    cpu.elementwise(new Elementwise.Gate(activation), gate, up, expected);
    DeviceRows gates = device.copy(gate);
    DeviceRows ups = device.copy(up);
    DeviceRows out = like(expected);
    kernels.elementwise(new Elementwise.Gate(activation), gates, ups, out);
    assertBits(out, expected);
    kernels.elementwise(new Elementwise.Gate(activation), gates, ups, gates);
    assertBits(gates, expected);
    kernels.elementwise(new Elementwise.Gate(activation), device.copy(gate), ups, ups);
    assertBits(ups, expected);
  }

  void scale(CpuTensor x, float factor) {
    DeviceRows scaled = device.copy(x);
    kernels.elementwise(new Elementwise.Scale(factor), scaled, null, scaled);
    CpuTensor expected = Samples.copy(x);
    cpu.elementwise(new Elementwise.Scale(factor), expected, null, expected);
    assertBits(scaled, expected);
  }

  void softcap(CpuTensor x, float cap) {
    DeviceRows bounded = device.copy(x);
    kernels.elementwise(new Elementwise.Softcap(cap), bounded, null, bounded);
    CpuTensor expected = Samples.copy(x);
    cpu.elementwise(new Elementwise.Softcap(cap), expected, null, expected);
    assertBits(bounded, expected);
  }

  void add(CpuTensor x, CpuTensor y) {
    DeviceRows sum = device.copy(x);
    kernels.elementwise(new Elementwise.Add(), sum, device.copy(y), sum);
    CpuTensor expected = Samples.copy(x);
    cpu.elementwise(new Elementwise.Add(), expected, y, expected);
    assertBits(sum, expected);
  }

  void gatherColumns(CpuTensor source, int offset, int width, int stride, int groups) {
    CpuTensor expected = CpuTensor.zeros(source.rows(), groups * width);
    cpu.gatherColumns(source, offset, width, stride, expected);
    DeviceRows out = like(expected);
    kernels.gatherColumns(device.copy(source), offset, width, stride, out);
    assertBits(out, expected);
  }

  void gatherRows(CpuTensor x, int... rows) {
    CpuTensor expected = CpuTensor.zeros(rows.length, x.columns());
    cpu.gatherRows(x, rows, expected);
    DeviceRows out = like(expected);
    kernels.gatherRows(device.copy(x), device.copy(rows), out);
    assertBits(out, expected);
  }

  /**
   * @param rows of the sum that rows are added to, all different
   */
  void addRows(CpuTensor sum, int... rows) {
    CpuTensor x = samples.tensor(rows.length, sum.columns());
    CpuTensor weights = samples.tensor(1, rows.length);
    int first = weights.at(0);
    float[] factors = Arrays.copyOfRange(weights.data(), first, first + rows.length);
    DeviceRows out = device.copy(sum);
    kernels.addRows(device.copy(x), device.copy(rows), device.copy(weights).data(), out);
    CpuTensor expected = Samples.copy(sum);
    cpu.addRows(x, rows, factors, expected);
    assertBits(out, expected);
  }

  /** With weights as they are and renormalized. */
  void route(CpuTensor logits, int k) {
    for (boolean renormalize : new boolean[] {true, false}) {
      Routing expected = cpu.route(logits, k, renormalize);
      DeviceRows experts = device.empty(logits.rows(), k, k);
      DeviceRows weights = device.empty(logits.rows(), k, k);
      kernels.route(device.copy(logits), k, renormalize, experts.data(), weights.data());
      assertThat(bits(device.floats(experts))).isEqualTo(expected.experts());
      assertThat(bits(device.floats(weights))).isEqualTo(bits(expected.weights()));
    }
  }

  /** Sums up several matrices of as many columns. */
  void columnSquares(CpuTensor... parts) {
    int columns = parts[0].columns();
    CpuTensor zeros = CpuTensor.zeros(1, Math.toIntExact(kernels.columnSquaresBytes(columns) / 4));
    DevicePointer state = device.copy(zeros).data();
    DeviceRows sums = device.empty(2, columns, columns);
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

  void secondMoments(CpuTensor x) {
    int elements = Math.toIntExact(PackedTriangle.elements(x.columns()));
    int floats = GpuForwardKernels.MOMENT_BYTES / Float.BYTES;
    DeviceRows state = device.copy(CpuTensor.zeros(elements, floats));
    kernels.secondMoments(device.copy(x), state.data());
    float[] expected = new float[elements];
    try (SecondMoments moments = cpu.secondMoments(x.columns())) {
      moments.add(x);
      moments.download(1, MemorySegment.ofArray(expected));
    }
    MemorySegment sums = MemorySegment.ofArray(device.floats(state));
    float[] found = new float[elements];
    for (int i = 0; i < elements; i++) {
      found[i] = (float) kernels.moment(sums, i);
    }
    assertThat(bits(found)).isEqualTo(bits(expected));
  }

  void crossEntropy(CpuTensor logits) {
    int[] targets = new int[logits.rows()];
    Arrays.setAll(targets, t -> (t * 31 + 7) % logits.columns());
    double[] expected = cpu.crossEntropy(logits, targets);
    DeviceRows losses = device.empty(logits.rows(), GpuForwardKernels.LOSS_FLOATS, 3);
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

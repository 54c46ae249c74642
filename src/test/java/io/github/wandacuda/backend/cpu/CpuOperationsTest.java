package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import io.github.wandacuda.testing.Around;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class CpuOperationsTest {
  @AutoClose private final Workers workers = new Workers(2);
  private final Operations operations = CpuOperations.checked(new ScalarForward(), workers);
  private final Samples samples = new Samples(3);

  private static void refused(ThrowingCallable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessage(message);
  }

  private Weight weight(int rows, int columns) {
    return operations.weight(samples.weight(DType.F32, rows, columns, Samples.Layout.ROWS));
  }

  @Test
  void tensorsBeginAsZerosAndShareRows() {
    Tensor tensor = operations.tensor(4, 3);
    assertThat(((CpuTensor) tensor).data()).hasSize(12).containsOnly(0f);
    Tensor middle = tensor.rows(1, 2).rows(1, 1);
    operations.elementwise(new Elementwise.Add(), middle, samples.tensor(1, 3), middle);
    middle.close();
    CpuTensor whole = (CpuTensor) tensor;
    assertThat(Samples.bits(whole.rows(2, 1))).isEqualTo(Samples.bits((CpuTensor) middle));
    assertThat(Samples.bits(whole.rows(0, 2))).containsOnly(0);
    assertThat(Samples.bits(whole.rows(3, 1))).containsOnly(0);
  }

  @Test
  void aClosedTensorIsRefused() {
    Tensor tensor = operations.tensor(1, 1);
    tensor.close();
    tensor.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> operations.elementwise(new Elementwise.Add(), tensor, tensor, tensor));
  }

  @Test
  void tensorsOfImpossibleSizesAreRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> operations.tensor(-1, 1));
    assertThatIllegalArgumentException().isThrownBy(() -> operations.tensor(1 << 16, 1 << 15));
  }

  @Test
  void uploadAndDownloadAreLittleEndianAndNeedNoAlignment() {
    var layout = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    MemorySegment host = Arena.ofAuto().allocate(25).asSlice(1);
    int[] bits = {0x3F800000, 0x80000000, 0x7FC00001, 1, 0xFF800000, 0x12345678};
    for (int i = 0; i < bits.length; i++) {
      host.set(layout, 4L * i, bits[i]);
    }
    CpuTensor larger = (CpuTensor) operations.tensor(4, 3);
    CpuTensor tensor = larger.rows(1, 2);
    operations.upload(host, tensor);
    assertThat(larger.data()[3]).isEqualTo(1f);
    assertThat(larger.data()[0]).isZero();
    assertThat(larger.data()[9]).isZero();
    MemorySegment back = Arena.ofAuto().allocate(29).asSlice(1);
    operations.download(tensor, back);
    assertThat(back.asSlice(0, 24).mismatch(host)).isEqualTo(-1);
    assertThat(back.get(ValueLayout.JAVA_INT_UNALIGNED, 24)).isZero();
    MemorySegment small = host.asSlice(0, 23);
    refused(() -> operations.upload(small, tensor), "host memory: expected 24 bytes, found 23");
    refused(() -> operations.download(tensor, small), "host memory: expected 24 bytes, found 23");
  }

  @Test
  void idsOutOfRangeAreRefusedBeforeAnythingIsWritten() {
    Weight table = weight(5, 2);
    CpuTensor out = CpuTensor.zeros(2, 2);
    refused(() -> operations.embed(table, new int[] {4, 5}, out), "token 1 is 5; there are 5");
    refused(() -> operations.embed(table, new int[] {4, -1}, out), "token 1 is -1; there are 5");
    assertThat(out.data()).containsOnly(0f);
    refused(() -> operations.crossEntropy(out, new int[] {0, 2}), "target 1 is 2; there are 2");
    refused(() -> operations.crossEntropy(out, new int[] {0}), "targets: expected 2, found 1");
  }

  @Test
  void linearChecksItsShapes() {
    Tensor x = operations.tensor(2, 3);
    Weight w = weight(4, 3);
    Tensor out = operations.tensor(2, 4);
    refused(
        () -> operations.linear(operations.tensor(2, 4), w, null, out),
        "input features: expected 3, found 4");
    refused(
        () -> operations.linear(x, w, null, operations.tensor(2, 3)),
        "result: expected 2 x 4, found 2 x 3");
    refused(
        () -> operations.linear(x, w, null, operations.tensor(1, 4)),
        "result: expected 2 x 4, found 1 x 4");
    refused(
        () -> operations.linear(x, w, operations.tensor(4, 1), out),
        "bias: expected 1 x 4, found 4 x 1");
    CpuTensor square = CpuTensor.zeros(5, 3);
    refused(
        () -> operations.linear(square.rows(0, 3), weight(3, 3), null, square.rows(2, 3)),
        "input overlaps the result");
    operations.linear(square.rows(0, 2), weight(3, 3), null, square.rows(2, 2));
  }

  @Test
  void otherOperationsCheckTheirShapes() {
    Tensor two = operations.tensor(2, 4);
    Tensor three = operations.tensor(3, 4);
    Tensor gain = operations.tensor(1, 4);
    refused(() -> operations.rmsNorm(two, two, 1f, two), "gain: expected 1 x 4, found 2 x 4");
    refused(() -> operations.rmsNorm(two, gain, 1f, three), "result: expected 2 x 4, found 3 x 4");
    refused(
        () -> operations.elementwise(new Elementwise.Gate(Activation.SILU), two, three, two),
        "y: expected 2 x 4, found 3 x 4");
    refused(
        () -> operations.elementwise(new Elementwise.Gate(Activation.SILU), two, two, three),
        "result: expected 2 x 4, found 3 x 4");
    refused(
        () -> operations.elementwise(new Elementwise.Add(), two, three, two),
        "y: expected 2 x 4, found 3 x 4");
    refused(() -> operations.columnSquares(3).add(two), "columns: expected 3, found 4");
    refused(() -> operations.secondMoments(3).add(two), "columns: expected 3, found 4");
    refused(
        () -> operations.embed(weight(3, 4), new int[2], three),
        "result: expected 2 x 4, found 3 x 4");
  }

  @Test
  void momentsCheckWhatTheyAreDividedByAndWrittenTo() {
    MemorySegment small = MemorySegment.ofArray(new float[5]);
    try (SecondMoments moments = operations.secondMoments(3)) {
      refused(() -> moments.download(1, small), "host memory: expected 24 bytes, found 20");
      refused(() -> moments.download(0, small), "divisor: expected more than 0, found 0.0");
      refused(
          () -> moments.download(Double.NaN, small), "divisor: expected more than 0, found NaN");
    }
  }

  @Test
  void rotateChecksItsShapes() {
    Tensor x = operations.tensor(4, 12);
    Tensor table = operations.tensor(2, 2);
    refused(
        () -> operations.rotate(x, RotaryPairs.halves(5), table, table),
        "heads of 5 features in 12 columns");
    refused(
        () -> operations.rotate(x, RotaryPairs.halves(8), table, table),
        "heads of 8 features in 12 columns");
    refused(
        () -> operations.rotate(x, RotaryPairs.halves(0), table, table),
        "heads of 0 features in 12 columns");
    Tensor three = operations.tensor(3, 2);
    refused(
        () -> operations.rotate(x, RotaryPairs.halves(4), three, three),
        "4 tokens in sequences of 3");
    refused(
        () -> operations.rotate(x, RotaryPairs.halves(3), table, table),
        "2 pairs in heads of 3 features");
    refused(
        () -> operations.rotate(x, RotaryPairs.halves(4), table, three),
        "sin: expected 2 x 2, found 3 x 2");
    refused(
        () -> operations.rotate(x, new RotaryPairs(4, 1, true), table, table),
        "2 pairs in heads of 4 features");
    refused(() -> new RotaryPairs(4, -1, true), "pairs from feature -1 on");
    operations.rotate(x, RotaryPairs.halves(4), table, table);
  }

  @Test
  void attentionChecksItsShapes() {
    AttentionShape shape = new AttentionShape(2, 0, 4, 2, 3, 1f, 0, 0);
    Tensor q = operations.tensor(4, 12);
    Tensor k = operations.tensor(4, 6);
    Tensor out = operations.tensor(4, 12);
    refused(
        () -> operations.attention(q.rows(0, 3), k, k, shape, null, out),
        "3 tokens in sequences of 2");
    refused(
        () -> operations.attention(k, k, k, shape, null, out),
        "columns of q: expected 12, found 6");
    refused(
        () -> operations.attention(q, q, k, shape, null, out), "k: expected 4 x 6, found 4 x 12");
    refused(
        () -> operations.attention(q, k, k.rows(0, 2), shape, null, out),
        "v: expected 4 x 6, found 2 x 6");
    refused(
        () -> operations.attention(q, k, k, shape, null, k),
        "result: expected 4 x 12, found 4 x 6");
    refused(() -> operations.attention(q, k, k, shape, null, q), "q overlaps the result");
  }

  @Test
  void whatAnotherBackendMadeIsRefused() {
    Tensor foreign = Around.of(Tensor.class, operations.tensor(1, 1), new Object() {});
    refused(
        () -> operations.elementwise(new Elementwise.Add(), foreign, foreign, foreign),
        "a tensor of another backend");
    WeightMatrix matrix = WeightMatrix.of(MemorySegment.ofArray(new byte[4]), DType.F32, 1, 1);
    Weight weight = Around.of(Weight.class, operations.weight(matrix), new Object() {});
    Tensor one = operations.tensor(1, 1);
    refused(() -> operations.embed(weight, new int[1], one), "a weight of another backend");
  }

  @Test
  void emptyTensorsAreFine() {
    Tensor none = operations.tensor(0, 3);
    operations.elementwise(new Elementwise.Add(), none, none, none);
    operations.rmsNorm(none, operations.tensor(1, 3), 1f, none);
    operations.linear(none, weight(2, 3), null, operations.tensor(0, 2));
    assertThat(operations.crossEntropy(none, new int[0])).isEmpty();
    try (var squares = operations.columnSquares(3)) {
      squares.add(none);
      assertThat(squares.sums()).containsExactly(0, 0, 0);
    }
  }
}

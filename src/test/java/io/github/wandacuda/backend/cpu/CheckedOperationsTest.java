package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.CheckedOperations;
import io.github.wandacuda.forward.ColumnGroups;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.DeltaShape;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.RoutingRule;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.ScalarForward;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What the parts that decoder families differ in refuse to be given. */
class CheckedOperationsTest {
  @AutoClose private final Workers workers = new Workers(1);
  private final Operations operations = CpuOperations.checked(new ScalarForward(), workers);
  private final Tensor two = operations.tensor(2, 4);
  private final Tensor three = operations.tensor(3, 4);
  private final Tensor gain = operations.tensor(1, 4);

  private static void refused(ThrowingCallable call, String message) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessage(message);
  }

  /** What it left to a default would never reach the backend. */
  @Test
  void passesEveryCallOn() {
    assertThat(CheckedOperations.class.getDeclaredMethods())
        .extracting(Method::getName)
        .contains(
            Arrays.stream(Operations.class.getMethods())
                .map(Method::getName)
                .toArray(String[]::new));
  }

  /** Kernels may count on elements: the drivers refuse a launch of nothing. */
  @Test
  void theBackendIsNotCalledWithoutElements() {
    Operations backend =
        (Operations)
            Proxy.newProxyInstance(
                Operations.class.getClassLoader(),
                new Class<?>[] {Operations.class},
                (proxy, method, arguments) -> {
                  throw new AssertionError(method.getName());
                });
    Operations checked = new CheckedOperations(CpuTensor.class, Weight.class, backend);
    Tensor none = operations.tensor(0, 4);
    Weight square =
        operations.weight(WeightMatrix.of(MemorySegment.ofArray(new byte[64]), DType.F32, 4, 4));
    Tensor angles = operations.tensor(1, 2);
    AttentionShape shape = new AttentionShape(2, 0, 2, 2, 2, 1f, 0, 0);
    checked.embed(square, new int[0], none);
    checked.rmsNorm(none, gain, 1f, none);
    checked.layerNorm(none, gain, null, 1f, none);
    checked.linear(none, square, null, none);
    checked.rotate(none, RotaryPairs.halves(4), angles, angles);
    checked.attention(none, none, none, shape, null, none);
    checked.elementwise(Activation.GELU, none, null, none);
    checked.gatherColumns(none, 0, 4, 4, none);
    checked.convolve(none, gain, 1, none);
    checked.deltaRule(
        new DeltaOperands<>(
            none,
            none,
            none,
            none,
            none,
            new DeltaShape(1, 4, 4, 1, 1),
            operations.tensor(0, 1),
            none));
    checked.gatherRows(two, new int[0], none);
    checked.addRows(none, new int[0], new float[0], two);
    checked.clear(none);
    assertThat(checked.route(none, null, RoutingRule.softmax(2, true)).experts()).isEmpty();
    assertThat(checked.crossEntropy(none, new int[0])).isEmpty();
  }

  @Test
  void normsAndActivations() {
    refused(() -> operations.rmsNorm(two, two, 1f, two), "gain: expected 1 x 4, found 2 x 4");
    refused(() -> operations.layerNorm(two, three, null, 1f, two), "2 rows for 3 gains");
    refused(
        () -> operations.layerNorm(two, gain, three, 1f, two), "bias: expected 1 x 4, found 3 x 4");
    refused(
        () -> operations.layerNorm(two, gain, gain, 1f, three),
        "result: expected 2 x 4, found 3 x 4");
    refused(
        () -> operations.elementwise(Activation.GELU, two, null, three),
        "result: expected 2 x 4, found 3 x 4");
    refused(() -> operations.elementwise(new Elementwise.Softcap(0f), two, null, two), "cap 0.0");
    refused(() -> new Elementwise.ClampedGate(0), "limit 0.0");
    refused(() -> new RoutingRule.Groups(2, 3, 1), "3 of 2 groups by the best 1");
    refused(
        () -> operations.elementwise(new Elementwise.Softcap(Float.NaN), two, null, two),
        "cap NaN");
  }

  @Test
  void attention() {
    AttentionShape shape = new AttentionShape(2, 0, 2, 2, 2, 1f, 0, 0);
    Tensor bias = operations.tensor(2, 3);
    Tensor out = operations.tensor(2, 4);
    refused(
        () -> operations.attention(new AttentionOperands<>(two, two, two, shape, null, bias, out)),
        "sinks: expected 1 x 2, found 2 x 3");
    refused(
        () -> operations.attention(two, two, two, shape, bias, out),
        "key bias: expected 2 x 2, found 2 x 3");
    refused(() -> new AttentionShape(2, 0, 1, 1, 1, 1f, -1f, 0), "softcap -1.0, window 0");
    refused(() -> new AttentionShape(2, 0, 1, 1, 1, 1f, 0f, -2), "softcap 0.0, window -2");
    Tensor small = operations.tensor(2, 3);
    refused(
        () -> operations.rotate(two, RotaryPairs.halves(4), small, small),
        "3 pairs in heads of 4 features");
    Tensor none = operations.tensor(2, 0);
    refused(
        () -> operations.rotate(two, RotaryPairs.halves(4), none, none),
        "0 pairs in heads of 4 features");
  }

  @Test
  void gatheredColumns() {
    Tensor out = operations.tensor(2, 2);
    refused(
        () -> operations.gatherColumns(two, 3, 2, 0, out),
        "1 groups of 2 columns from column 3, 0 apart, in 4 columns");
    refused(
        () -> operations.gatherColumns(two, 0, 1, 4, out),
        "2 groups of 1 columns from column 0, 4 apart, in 4 columns");
    refused(
        () -> operations.gatherColumns(two, -1, 1, 1, out),
        "2 groups of 1 columns from column -1, 1 apart, to column 0, 1 apart");
    refused(
        () -> operations.gatherColumns(two, new ColumnGroups(2, 1, 0, 1, 1, 1), out),
        "2 groups of 1 columns from column 1, 1 apart, in 2 columns");
    refused(
        () -> new ColumnGroups(2, 2, 0, 1, 0, 1),
        "2 groups of 2 columns from column 0, 1 apart, to column 0, 1 apart");
    refused(() -> operations.gatherColumns(two, 0, 3, 1, out), "groups of 3 columns in 2");
    refused(() -> operations.gatherColumns(two, 0, 0, 1, out), "groups of 0 columns in 2");
    refused(
        () -> operations.gatherColumns(three, 0, 1, 1, out), "result: expected 3 x 2, found 2 x 2");
    refused(() -> operations.gatherColumns(two, 0, 4, 4, two), "source overlaps the result");
    operations.gatherColumns(two, 2, 1, 1, out);
  }

  @Test
  void convolutionsAndStates() {
    Tensor out = operations.tensor(2, 4);
    refused(() -> operations.convolve(two, gain, 3, out), "2 tokens in sequences of 3");
    refused(() -> operations.convolve(three, gain, 1, out), "3 rows for 2 sequences of 1");
    refused(
        () -> operations.convolve(two, operations.tensor(4, 3), 2, out),
        "weights: expected 4 x 4, found 4 x 3");
    refused(() -> operations.convolve(two, gain, 2, two), "x overlaps the result");
    DeltaShape shape = new DeltaShape(2, 2, 2, 2, 2);
    Tensor shares = operations.tensor(2, 2);
    Tensor state = operations.tensor(4, 2);
    refused(
        () ->
            operations.deltaRule(
                new DeltaOperands<>(two, two, two, shares, shares, shape, shares, out)),
        "state: expected 4 x 2, found 2 x 2");
    refused(
        () ->
            operations.deltaRule(
                new DeltaOperands<>(two, two, two, shares, two, shape, state, out)),
        "correction: expected 2 x 2, found 2 x 4");
    refused(
        () ->
            operations.deltaRule(
                new DeltaOperands<>(two, two, out, shares, shares, shape, state, out)),
        "an input overlaps the result");
    refused(
        () ->
            operations.deltaRule(
                new DeltaOperands<>(three, three, three, shares, shares, shape, state, out)),
        "3 tokens in sequences of 2");
    refused(() -> new DeltaShape(1, 2, 3, 1, 1), "3 value heads cannot share 2 key heads");
    refused(() -> new DeltaShape(1, 0, 3, 1, 1), "sizes of a delta rule must be positive");
    operations.deltaRule(new DeltaOperands<>(two, two, two, shares, shares, shape, state, out));
  }

  @Test
  void experts() {
    refused(() -> operations.route(two, null, RoutingRule.softmax(0, true)), "0 of 4 experts");
    refused(() -> operations.route(two, null, RoutingRule.softmax(5, true)), "5 of 4 experts");
    RoutingRule grouped = RoutingRule.softmax(3, true).in(new RoutingRule.Groups(2, 1, 2));
    refused(() -> operations.route(two, null, grouped), "3 of 2 experts");
    refused(
        () ->
            operations.route(
                two, null, RoutingRule.softmax(1, true).in(new RoutingRule.Groups(3, 1, 1))),
        "3 groups of 4 experts");
    refused(
        () ->
            operations.route(
                two, null, RoutingRule.softmax(1, true).in(new RoutingRule.Groups(4, 2, 2))),
        "4 groups of 4 experts");
    refused(
        () -> operations.route(two, two, RoutingRule.softmax(1, true)),
        "correction: expected 1 x 4, found 2 x 4");
    refused(
        () -> operations.gatherRows(two, new int[] {0, 1, 2}, three), "row 2 is 2; there are 2");
    refused(
        () -> operations.gatherRows(two, new int[] {0}, three),
        "result: expected 1 x 4, found 3 x 4");
    refused(() -> operations.gatherRows(two, new int[] {0, 1}, two), "source overlaps the result");
    float[] factors = new float[2];
    refused(
        () -> operations.addRows(two, new int[] {1, 1}, factors, three), "row 1 is there twice");
    refused(
        () -> operations.addRows(two, new int[] {1, 3}, factors, three), "row 1 is 3; there are 3");
    refused(
        () -> operations.addRows(two, new int[] {1}, factors, three), "rows: expected 2, found 1");
    refused(
        () -> operations.addRows(two, new int[] {1, 0}, new float[1], three),
        "factors: expected 2, found 1");
    refused(
        () -> operations.addRows(two, new int[] {1, 0}, factors, operations.tensor(3, 5)),
        "columns: expected 5, found 4");
  }

  @Test
  void views() {
    refused(() -> two.reshaped(3, 3), "2 x 4 elements as 3 x 3");
    refused(() -> two.reshaped(-1, -8), "2 x 4 elements as -1 x -8");
  }
}

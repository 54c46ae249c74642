package io.github.wandacuda.backend.check;

import static io.github.wandacuda.backend.check.CheckSide.TOKENS;
import static io.github.wandacuda.backend.check.CheckSide.WIDTH;
import static io.github.wandacuda.backend.check.KernelCase.exact;
import static io.github.wandacuda.backend.check.KernelCase.sums;

import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.DeltaShape;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.RoutingRule;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** What a decoder does besides linear layers, and the sums of calibration. */
final class ForwardCases {
  private ForwardCases() {}

  static List<KernelCase> all() {
    List<KernelCase> cases = new ArrayList<>();
    cases.add(sums("rms_norm", ForwardCases::rmsNorm));
    cases.add(sums("layer_norm", ForwardCases::layerNorm));
    cases.add(exact("rotate", ForwardCases::rotate));
    cases.add(exact("gather_columns", ForwardCases::gatherColumns));
    cases.add(exact("convolve", ForwardCases::convolve));
    cases.add(exact("delta_rule", ForwardCases::deltaRule));
    cases.add(exact("expert_rows", ForwardCases::expertRows));
    cases.add(exact("route: softmax", side -> routed(side, RoutingRule.softmax(2, true))));
    RoutingRule sigmoids = RoutingRule.of(RoutingRule.Scores.SIGMOID, 2, true);
    RoutingRule inGroups = sigmoids.in(new RoutingRule.Groups(3, 2, 2));
    cases.add(exact("route: sigmoids in groups", side -> routed(side, inGroups)));
    cases.addAll(elementwise());
    for (int size : new int[] {16, 80, 128, 200}) {
      AttentionShape shape = new AttentionShape(TOKENS, 0, 4, 2, size, 0.1f, 20, 9);
      cases.add(sums("attention: heads of " + size, side -> attended(side, shape)));
    }
    AttentionShape last = new AttentionShape(2 * WIDTH, 2 * WIDTH - 1, 4, 2, 64, 0.1f, 0, 0);
    cases.add(sums("attention_rows: the last token", side -> attended(side, last)));
    cases.add(exact("column_squares", ForwardCases::columnSquares));
    cases.add(exact("second_moments", ForwardCases::secondMoments));
    cases.add(sums("cross_entropy", ForwardCases::crossEntropy));
    return cases;
  }

  private static float[] rmsNorm(CheckSide side) {
    Tensor out = side.tensor(TOKENS, WIDTH);
    side.operations.rmsNorm(side.tensor(TOKENS, WIDTH), side.tensor(1, WIDTH), 1e-6f, out);
    return side.download(out);
  }

  private static float[] layerNorm(CheckSide side) {
    Tensor out = side.tensor(TOKENS, WIDTH);
    side.operations.layerNorm(
        side.tensor(TOKENS, WIDTH), side.tensor(1, WIDTH), side.tensor(1, WIDTH), 1e-6f, out);
    return side.download(out);
  }

  private static float[] rotate(CheckSide side) {
    Tensor x = side.tensor(TOKENS, WIDTH);
    Tensor angles = side.tensor(TOKENS, 5);
    side.operations.rotate(
        x, new RotaryPairs(14, 0, false), side.tensor(TOKENS, 7), side.tensor(TOKENS, 7));
    side.operations.rotate(x, new RotaryPairs(14, 3, true), angles, side.tensor(TOKENS, 5));
    return side.download(x);
  }

  private static float[] gatherColumns(CheckSide side) {
    Tensor out = side.tensor(TOKENS, 15);
    side.operations.gatherColumns(side.tensor(TOKENS, WIDTH), 2, 3, 14, out);
    return side.download(out);
  }

  private static float[] convolve(CheckSide side) {
    Tensor out = side.tensor(TOKENS - 3, WIDTH);
    side.operations.convolve(side.tensor(TOKENS, WIDTH), side.tensor(4, WIDTH), TOKENS - 3, out);
    return side.download(out);
  }

  private static float[] deltaRule(CheckSide side) {
    DeltaShape shape = new DeltaShape(TOKENS, 2, 4, 5, 7);
    Tensor q = side.tensor(TOKENS, 10);
    Tensor k = side.tensor(TOKENS, 10, side.values(TOKENS * 10, 0.2f));
    Tensor decay = side.tensor(TOKENS, 4, side.values(TOKENS * 4, 0.2f));
    Tensor v = side.tensor(TOKENS, 28);
    Tensor out = side.tensor(TOKENS, 28);
    Tensor state = side.tensor(20, 7);
    Tensor correction = side.tensor(TOKENS, 4);
    side.operations.deltaRule(new DeltaOperands<>(q, k, v, decay, correction, shape, state, out));
    return side.download(out);
  }

  private static float[] expertRows(CheckSide side) {
    Tensor x = side.tensor(TOKENS, WIDTH);
    Tensor some = side.tensor(3, WIDTH);
    int[] rows = {5, 0, 32};
    side.operations.gatherRows(x, rows, some);
    side.operations.addRows(some, rows, new float[] {0.5f, 2, -1}, x);
    return side.download(x);
  }

  private static float[] routed(CheckSide side, RoutingRule rule) {
    Tensor correction = rule.groups().count() == 1 ? null : side.tensor(1, 9);
    Routing routing = side.operations.route(side.tensor(TOKENS, 9), correction, rule);
    float[] results = Arrays.copyOf(routing.weights(), 2 * routing.weights().length);
    for (int i = 0; i < routing.experts().length; i++) {
      results[routing.weights().length + i] = routing.experts()[i];
    }
    return results;
  }

  private static List<KernelCase> elementwise() {
    List<KernelCase> cases = new ArrayList<>();
    for (Activation activation : Activation.values()) {
      cases.add(elementwise("activate: " + activation.name(), activation));
      cases.add(
          elementwise("activate: gate by " + activation.name(), new Elementwise.Gate(activation)));
    }
    cases.add(elementwise("elementwise: sum", new Elementwise.Add()));
    cases.add(elementwise("elementwise: scale", new Elementwise.Scale(0.3f)));
    cases.add(elementwise("elementwise: clamp", new Elementwise.Clamp(-0.5f, 0.25f)));
    cases.add(elementwise("elementwise: softcap", new Elementwise.Softcap(1.5f)));
    cases.add(elementwise("elementwise: xielu", new Elementwise.Xielu(0.8f, 1.3f, 0.5f, -1e-6f)));
    cases.add(elementwise("activate: clamped gate", new Elementwise.ClampedGate(1.5f)));
    return cases;
  }

  private static KernelCase elementwise(String name, Elementwise operation) {
    return exact(
        name,
        side -> {
          Tensor x = side.tensor(TOKENS, WIDTH);
          Tensor y = operation.takesTwo() ? side.tensor(TOKENS, WIDTH) : null;
          Tensor out = side.tensor(TOKENS, WIDTH);
          side.operations.elementwise(operation, x, y, out);
          return side.download(out);
        });
  }

  private static float[] attended(CheckSide side, AttentionShape shape) {
    int queries = shape.heads() * shape.headSize();
    int keys = shape.keyValueHeads() * shape.headSize();
    int tokens = shape.sequenceLength();
    Tensor out = side.tensor(tokens - shape.past(), queries);
    side.operations.attention(
        new AttentionOperands<>(
            side.tensor(tokens - shape.past(), queries),
            side.tensor(tokens, keys),
            side.tensor(tokens, keys),
            shape,
            null,
            shape.window() == 0 ? null : side.tensor(1, shape.heads()),
            out));
    return side.download(out);
  }

  private static float[] columnSquares(CheckSide side) {
    try (ColumnSquares squares = side.operations.columnSquares(WIDTH)) {
      squares.add(side.tensor(3 * TOKENS, WIDTH));
      return halves(squares.sums());
    }
  }

  private static float[] secondMoments(CheckSide side) {
    try (SecondMoments moments = side.operations.secondMoments(WIDTH)) {
      moments.add(side.tensor(9 * TOKENS, WIDTH));
      float[] triangle = new float[WIDTH * (WIDTH + 1) / 2];
      moments.download(3, MemorySegment.ofArray(triangle));
      return triangle;
    }
  }

  private static float[] crossEntropy(CheckSide side) {
    int[] targets = IntStream.range(0, TOKENS).map(t -> t * 2).toArray();
    double[] losses = side.operations.crossEntropy(side.tensor(TOKENS, WIDTH), targets);
    float[] results = new float[losses.length];
    for (int i = 0; i < losses.length; i++) {
      results[i] = (float) losses[i];
    }
    return results;
  }

  /** Returns each number as a float and what that leaves of it. */
  private static float[] halves(double[] values) {
    float[] halves = new float[2 * values.length];
    for (int i = 0; i < values.length; i++) {
      halves[2 * i] = (float) values[i];
      halves[2 * i + 1] = (float) (values[i] - halves[2 * i]);
    }
    return halves;
  }
}

package io.github.wandacuda.model;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A mixture as {@link MlpDescription.Experts} says, with its weights loaded. An expert runs on the
 * tokens that the router sends to it, and not at all if there are none; an observer sees only these
 * tokens as the inputs of its modules.
 */
final class ExpertsMlp implements Branch {
  private final Operations operations;
  private final Workspace workspace;
  private final MlpDescription.Experts description;
  private final Linear router;
  private final List<Branch> experts;
  private final SharedExpert shared;

  ExpertsMlp(
      DecoderWeights weights,
      Workspace workspace,
      MlpDescription.Experts description,
      Arena arena) {
    operations = weights.operations();
    this.workspace = workspace;
    this.description = description;
    router = new Linear(weights, description.router(), arena);
    experts =
        description.all().map(expert -> Branch.mlp(weights, workspace, expert, arena)).toList();
    shared =
        description.shared() == null
            ? null
            : new SharedExpert(weights, workspace, description.shared(), arena);
  }

  @Override
  public void run(Tensor input, Span span, InputObserver observer, Tensor out) {
    Tensor logits = workspace.take(Place.ROUTER, input.rows(), experts.size());
    observer.input(List.of(router.module()), input);
    router.apply(input, logits);
    List<ExpertTokens> tokens =
        ExpertTokens.of(
            operations.route(logits, description.expertsPerToken(), description.renormalize()),
            experts.size());
    if (out != null) {
      operations.clear(out);
    }
    for (int expert = 0; expert < experts.size(); expert++) {
      if (tokens.get(expert).rows().length > 0) {
        run(experts.get(expert), tokens.get(expert), input, observer, out);
      }
    }
    if (shared != null) {
      shared.run(input, observer, out);
    }
  }

  private void run(
      Branch expert, ExpertTokens tokens, Tensor input, InputObserver observer, Tensor out) {
    int count = tokens.rows().length;
    Tensor some = workspace.take(Place.EXPERT_INPUT, count, input.columns());
    operations.gatherRows(input, tokens.rows(), some);
    if (out == null) {
      expert.run(some, Span.whole(count), observer, null);
    } else {
      Tensor result = workspace.take(Place.EXPERT_OUTPUT, count, out.columns());
      expert.run(some, Span.whole(count), observer, result);
      operations.addRows(result, tokens.rows(), tokens.weights(), out);
    }
  }

  @Override
  public Stream<Linear> linears() {
    return Stream.of(
            Stream.of(router),
            experts.stream().flatMap(Branch::linears),
            shared == null ? Stream.<Linear>empty() : shared.linears())
        .flatMap(linears -> linears);
  }

  @Override
  public void close() {
    linears().forEach(Linear::close);
  }

  /**
   * The tokens that were sent to one expert.
   *
   * @param rows their rows, in order
   * @param weights of the expert, one for each
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  private record ExpertTokens(int[] rows, float[] weights) {

    /** Sorts a routing's tokens by expert. */
    static List<ExpertTokens> of(Routing routing, int experts) {
      int[] counts = new int[experts];
      for (int expert : routing.experts()) {
        counts[expert]++;
      }
      List<ExpertTokens> all = new ArrayList<>();
      for (int count : counts) {
        all.add(new ExpertTokens(new int[count], new float[count]));
      }
      int[] filled = new int[experts];
      for (int place = 0; place < routing.experts().length; place++) {
        int expert = routing.experts()[place];
        int at = filled[expert]++;
        all.get(expert).rows()[at] = place / routing.expertsPerToken();
        all.get(expert).weights()[at] = routing.weights()[place];
      }
      return all;
    }
  }

  /** {@link MlpDescription.SharedExpert}, loaded. */
  private static final class SharedExpert {
    private final Operations operations;
    private final Workspace workspace;
    private final Linear gate;
    private final Branch mlp;

    SharedExpert(
        DecoderWeights weights,
        Workspace workspace,
        MlpDescription.SharedExpert description,
        Arena arena) {
      operations = weights.operations();
      this.workspace = workspace;
      gate = new Linear(weights, description.gate(), arena);
      mlp = Branch.mlp(weights, workspace, description.mlp(), arena);
    }

    /** Adds the expert's weighed output to {@code out}, unless that is null. */
    void run(Tensor input, InputObserver observer, Tensor out) {
      observer.input(List.of(gate.module()), input);
      if (out == null) {
        mlp.run(input, Span.whole(input.rows()), observer, null);
        return;
      }
      float[] weights = weights(input);
      Tensor result = workspace.take(Place.EXPERT_OUTPUT, input.rows(), out.columns());
      mlp.run(input, Span.whole(input.rows()), observer, result);
      operations.addRows(result, IntStream.range(0, input.rows()).toArray(), weights, out);
    }

    private float[] weights(Tensor input) {
      float[] weights = new float[input.rows()];
      Tensor logits = workspace.take(Place.ROUTER, input.rows(), 1);
      gate.apply(input, logits);
      operations.download(logits, MemorySegment.ofArray(weights));
      for (int token = 0; token < weights.length; token++) {
        weights[token] = (float) (1 / (1 + StrictMath.exp(-weights[token])));
      }
      return weights;
    }

    Stream<Linear> linears() {
      return Stream.concat(Stream.of(gate), mlp.linears());
    }
  }
}

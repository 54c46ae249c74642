package io.github.wandacuda.model;

import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.BlockDescription.Experts;
import io.github.wandacuda.model.Workspace.Place;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A mixture as {@link Experts} says, with its weights loaded. An expert runs on the tokens that the
 * router sends to it, and not at all if there are none; an observer sees only these tokens as the
 * inputs of its modules.
 */
final class Mixture extends Branch {
  /**
   * A logit or correction below all others, so that its expert is never chosen; finite, since
   * routing rules subtract logits.
   */
  private static final float NEVER = -1e30f;

  private final Experts description;
  private final Linear router;
  private final Tensor correction;
  private final List<Branch> experts;
  private final Linear sharedGate;
  private final Branch shared;

  Mixture(DecoderWeights weights, Experts description) {
    super(weights, Stream.of(description.router()));
    this.description = description;
    router = linears.getFirst();
    correction =
        description.correction() == null
            ? null
            : weights.vector(description.correction(), router.rows());
    experts = description.all().map(expert -> Branch.mlp(weights, expert)).toList();
    BlockDescription.SharedExpert common = description.shared();
    sharedGate = common == null ? null : Linear.orNull(weights, common.gate());
    shared = common == null ? null : Branch.mlp(weights, common.mlp());
  }

  @Override
  void run(Tensor input, Span span, InputObserver observer, Tensor out) {
    Tensor logits = workspace.take(Place.ROUTER, input.rows(), experts.size());
    observer.input(List.of(router.module()), input);
    router.apply(input, logits);
    Routing routing = operations.route(logits, correction, description.rule());
    if (out != null) {
      operations.clear(out);
    }
    run(ExpertTokens.of(routing, experts.size(), token -> true), input, observer, out);
    if (out != null && observer.seesAbsence()) {
      leaveOutEach(logits, routing, input, observer);
    }
    if (shared != null && observer.wants(shared.output().module())) {
      runShared(input, observer, out);
    }
  }

  /** The output of the expert that all tokens go to comes first. */
  @Override
  List<Linear> outputs() {
    return Stream.concat(Stream.ofNullable(shared), experts.stream()).map(Branch::output).toList();
  }

  @Override
  List<HalfParts.OfMlp> experts() {
    List<HalfParts.OfMlp> parts =
        Stream.concat(Stream.ofNullable(shared), experts.stream())
            .flatMap(expert -> expert.parts().stream())
            .filter(HalfParts.OfMlp.class::isInstance)
            .map(HalfParts.OfMlp.class::cast)
            .toList();
    boolean all = parts.size() == outputs().size() && !description.weighsInputs();
    return all ? parts : List.of();
  }

  private void run(List<ExpertTokens> tokens, Tensor input, InputObserver observer, Tensor out) {
    for (int expert = 0; expert < experts.size(); expert++) {
      if (tokens.get(expert).rows().length > 0
          && observer.wants(experts.get(expert).output().module())) {
        run(expert, tokens.get(expert), input, observer, out);
      }
    }
  }

  private void run(
      int index, ExpertTokens tokens, Tensor input, InputObserver observer, Tensor out) {
    Branch expert = experts.get(index);
    int count = tokens.rows().length;
    Tensor some = gathered(tokens, input);
    float[] weights = description.weighsInputs() ? ExpertTokens.ones(count) : tokens.weights();
    observer.sent(expert.output().module(), tokens.rows(), weights);
    if (out == null) {
      expert.run(some, Span.whole(count), observer, null);
    } else {
      Tensor result = workspace.take(Place.EXPERT_OUTPUT, count, out.columns());
      expert.run(some, Span.whole(count), observer, result);
      observer.expert(expert(index), weights, result);
      operations.addRows(result, tokens.rows(), weights, out);
    }
  }

  private InputObserver.Expert expert(int index) {
    return new InputObserver.Expert(router.module(), index, experts.size());
  }

  /**
   * Shows an observer by what the output of all tokens changes without each of the experts, one by
   * one: the router chooses again among the others. Only the tokens whose routing changes are run,
   * once with their old experts and once with their new ones.
   */
  private void leaveOutEach(Tensor logits, Routing routing, Tensor input, InputObserver observer) {
    int count = experts.size();
    float[] values = new float[logits.rows() * count];
    operations.download(logits, MemorySegment.ofArray(values));
    float[] corrections = new float[count];
    if (correction != null) {
      operations.download(correction, MemorySegment.ofArray(corrections));
    }
    for (int expert = 0; expert < count; expert++) {
      Tensor own = lowered(Place.ROUTER, values, expert);
      Tensor ownCorrection =
          correction == null ? null : lowered(Place.CORRECTION, corrections, expert);
      Routing other = operations.route(own, ownCorrection, description.rule());
      IntPredicate changed = token -> !routing.isSame(other, token);
      Tensor change = workspace.take(Place.ABSENCE, input.rows(), input.columns());
      operations.clear(change);
      run(ExpertTokens.of(routing, count, changed), input, InputObserver.NONE, change);
      operations.elementwise(new Elementwise.Scale(-1), change, null, change);
      run(ExpertTokens.of(other, count, changed), input, InputObserver.NONE, change);
      observer.without(expert(expert), change);
    }
  }

  /**
   * Returns a copy of logits or corrections in which those of one expert are so low that no router
   * takes it.
   */
  private Tensor lowered(Place place, float[] values, int expert) {
    float[] own = values.clone();
    for (int at = expert; at < own.length; at += experts.size()) {
      own[at] = NEVER;
    }
    Tensor tensor = workspace.take(place, own.length / experts.size(), experts.size());
    operations.upload(MemorySegment.ofArray(own), tensor);
    return tensor;
  }

  /**
   * Returns the rows of the tokens that were sent to an expert, times their weights if the mixture
   * weighs inputs.
   */
  private Tensor gathered(ExpertTokens tokens, Tensor input) {
    int count = tokens.rows().length;
    Tensor some = workspace.take(Place.EXPERT_INPUT, count, input.columns());
    operations.gatherRows(input, tokens.rows(), some);
    if (!description.weighsInputs()) {
      return some;
    }
    Tensor weighed = workspace.take(Place.WEIGHED_INPUT, count, input.columns());
    operations.clear(weighed);
    operations.addRows(some, IntStream.range(0, count).toArray(), tokens.weights(), weighed);
    return weighed;
  }

  @Override
  Stream<Linear> linears() {
    Stream<Linear> routed =
        Stream.concat(Stream.of(router), experts.stream().flatMap(Branch::linears));
    return shared == null
        ? routed
        : Stream.of(routed, Stream.ofNullable(sharedGate), shared.linears()).flatMap(all -> all);
  }

  /** Adds the shared expert's weighed output to {@code out}, unless that is null. */
  private void runShared(Tensor input, InputObserver observer, Tensor out) {
    if (sharedGate != null) {
      observer.input(List.of(sharedGate.module()), input);
    }
    int[] rows = IntStream.range(0, input.rows()).toArray();
    float[] weights = sharedGate == null ? ExpertTokens.ones(rows.length) : sharedWeights(input);
    observer.sent(shared.output().module(), rows, weights);
    if (out == null) {
      shared.run(input, Span.whole(input.rows()), observer, null);
      return;
    }
    Tensor result = workspace.take(Place.EXPERT_OUTPUT, input.rows(), out.columns());
    shared.run(input, Span.whole(input.rows()), observer, result);
    if (sharedGate == null) {
      operations.elementwise(new Elementwise.Add(), out, result, out);
    } else {
      operations.addRows(result, rows, weights, out);
    }
  }

  private float[] sharedWeights(Tensor input) {
    float[] weights = new float[input.rows()];
    Tensor logits = workspace.take(Place.ROUTER, input.rows(), 1);
    sharedGate.apply(input, logits);
    operations.download(logits, MemorySegment.ofArray(weights));
    for (int token = 0; token < weights.length; token++) {
      weights[token] = (float) (1 / (1 + StrictMath.exp(-weights[token])));
    }
    return weights;
  }

  /**
   * The tokens that were sent to one expert.
   *
   * @param rows the tokens' rows in the mixture's input, ascending
   * @param weights the router's weight of the expert for each token
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  private record ExpertTokens(int[] rows, float[] weights) {
    /**
     * Sorts the tokens of a routing by expert.
     *
     * @param experts how many the mixture has
     * @param wanted which tokens to take
     * @return one for each expert, without rows if no token was sent to it
     */
    static List<ExpertTokens> of(Routing routing, int experts, IntPredicate wanted) {
      int perToken = routing.expertsPerToken();
      int[] counts = new int[experts];
      for (int place = 0; place < routing.experts().length; place++) {
        if (wanted.test(place / perToken)) {
          counts[routing.experts()[place]]++;
        }
      }
      List<ExpertTokens> all = new ArrayList<>();
      for (int count : counts) {
        all.add(new ExpertTokens(new int[count], new float[count]));
      }
      int[] filled = new int[experts];
      for (int place = 0; place < routing.experts().length; place++) {
        if (wanted.test(place / perToken)) {
          int expert = routing.experts()[place];
          int at = filled[expert]++;
          all.get(expert).rows()[at] = place / perToken;
          all.get(expert).weights()[at] = routing.weights()[place];
        }
      }
      return all;
    }

    static float[] ones(int count) {
      float[] ones = new float[count];
      Arrays.fill(ones, 1);
      return ones;
    }
  }
}

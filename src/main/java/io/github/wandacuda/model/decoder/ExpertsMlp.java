package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.decoder.Workspace.Place;
import io.github.wandacuda.model.description.MlpDescription;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/**
 * {@link MlpDescription.Experts}, loaded. An expert runs on the tokens that were sent to it, and
 * its modules see no others; one that gets none doesn't run.
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
        description.all().map(expert -> Mlps.load(weights, workspace, expert, arena)).toList();
    shared =
        description.shared() == null
            ? null
            : new SharedExpert(weights, workspace, description.shared(), arena);
  }

  @Override
  public void run(Tensor input, int sequenceLength, InputObserver observer, Tensor out) {
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
      expert.run(some, count, observer, null);
    } else {
      Tensor result = workspace.take(Place.EXPERT_OUTPUT, count, out.columns());
      expert.run(some, count, observer, result);
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
}

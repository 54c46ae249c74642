package io.github.wandacuda.model.decoder;

import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.decoder.Workspace.Place;
import io.github.wandacuda.model.description.AttentionDescription;
import io.github.wandacuda.model.description.Heads;
import io.github.wandacuda.model.description.ProjectionDescription;
import io.github.wandacuda.model.description.Rotary;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/** {@link AttentionDescription}, loaded. */
final class Attention implements Branch {
  private final Operations operations;
  private final Workspace workspace;
  private final PositionTensors positions;
  private final AttentionDescription description;
  private final Projection projection;
  private final Norm queryNorm;
  private final Norm keyNorm;
  private final Linear output;

  Attention(
      DecoderWeights weights,
      Workspace workspace,
      PositionTensors positions,
      AttentionDescription description,
      Arena arena) {
    operations = weights.operations();
    this.workspace = workspace;
    this.positions = positions;
    this.description = description;
    projection =
        description.projection() instanceof ProjectionDescription.Fused fused
            ? new Projection.Fused(weights, workspace, fused, arena)
            : new Projection.Separate(
                weights, (ProjectionDescription.Separate) description.projection(), arena);
    queryNorm = Norm.orNull(weights, description.queryNorm());
    keyNorm = Norm.orNull(weights, description.keyNorm());
    output = new Linear(weights, description.output(), arena);
  }

  @Override
  public void run(Tensor input, int sequenceLength, InputObserver observer, Tensor out) {
    Heads heads = description.heads();
    int tokens = input.rows();
    Tensor query = workspace.take(Place.QUERY, tokens, heads.queryWidth());
    Tensor key = workspace.take(Place.KEY, tokens, heads.keyValueWidth());
    Tensor value = workspace.take(Place.VALUE, tokens, heads.keyValueWidth());
    Tensor attended = workspace.take(Place.ATTENDED, tokens, heads.queryWidth());
    projection.run(input, observer, query, key, value);
    place(query, queryNorm, sequenceLength);
    place(key, keyNorm, sequenceLength);
    Tensor keyBias = positions.at(description.scores().keyBias(), sequenceLength);
    operations.attention(query, key, value, shape(sequenceLength), keyBias, attended);
    observer.input(List.of(output.module()), attended);
    if (out != null) {
      output.apply(attended, out);
    }
  }

  /** Norms and rotates the heads of queries or keys in place. */
  private void place(Tensor heads, Norm norm, int sequenceLength) {
    if (norm != null) {
      norm.applyToHeads(heads);
    }
    Rotary rotary = description.rotary();
    if (rotary != null) {
      Tensor cosines = positions.at(rotary.cosines(), sequenceLength);
      Tensor sines = positions.at(rotary.sines(), sequenceLength);
      operations.rotate(heads, description.heads().size(), cosines, sines);
    }
  }

  private AttentionShape shape(int sequenceLength) {
    Heads heads = description.heads();
    AttentionDescription.Scores scores = description.scores();
    return new AttentionShape(
        sequenceLength,
        heads.queries(),
        heads.keyValueHeads(),
        heads.size(),
        scores.scale(),
        scores.softcap(),
        scores.window());
  }

  @Override
  public Stream<Linear> linears() {
    return Stream.concat(projection.linears(), Stream.of(output));
  }

  @Override
  public void close() {
    linears().forEach(Linear::close);
    Norm.close(queryNorm);
    Norm.close(keyNorm);
  }
}

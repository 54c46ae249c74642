package io.github.wandacuda.model.llama;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.DecoderWeights;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.Stream;

/**
 * A LLaMA decoder block: {@code x += o(attention(rope(q(n)), rope(k(n)), v(n)))} with {@code n =
 * norm(x)}, then {@code x += down(silu(gate(m)) * up(m))} with {@code m = norm(x)} (Touvron et al.,
 * arXiv 2302.13971, section 2.2).
 */
final class LlamaBlock implements Block {
  private final Arena arena = Arena.ofShared();
  private final Operations operations;
  private final LlamaConfig config;
  private final Workspace workspace;
  private final RotaryTables rotary;
  private final Tensor attentionNorm;
  private final Tensor mlpNorm;
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final Linear output;
  private final Linear gate;
  private final Linear up;
  private final Linear down;

  LlamaBlock(
      int index,
      LlamaNames names,
      DecoderWeights weights,
      Operations operations,
      LlamaConfig config,
      Workspace workspace,
      RotaryTables rotary) {
    this.operations = operations;
    this.config = config;
    this.workspace = workspace;
    this.rotary = rotary;
    int hidden = config.hiddenSize();
    int wide = config.intermediateSize();
    int queries = config.queryWidth();
    int keys = config.keyValueWidth();
    attentionNorm = weights.vector(names.inBlock(index, "input_layernorm.weight"), hidden);
    mlpNorm = weights.vector(names.inBlock(index, "post_attention_layernorm.weight"), hidden);
    query = new Linear(weights, names.inBlock(index, LlamaNames.QUERY), queries, hidden, arena);
    key = new Linear(weights, names.inBlock(index, LlamaNames.KEY), keys, hidden, arena);
    value = new Linear(weights, names.inBlock(index, LlamaNames.VALUE), keys, hidden, arena);
    output = new Linear(weights, names.inBlock(index, LlamaNames.OUTPUT), hidden, queries, arena);
    gate = new Linear(weights, names.inBlock(index, LlamaNames.GATE), wide, hidden, arena);
    up = new Linear(weights, names.inBlock(index, LlamaNames.UP), wide, hidden, arena);
    down = new Linear(weights, names.inBlock(index, LlamaNames.DOWN), hidden, wide, arena);
  }

  @Override
  public void forward(Tensor hidden, int sequenceLength, InputObserver observer) {
    Workspace.Activations inside = workspace.forTokens(hidden.rows());
    attend(hidden, sequenceLength, observer, inside);
    activateMlp(hidden, observer, inside);
    down.apply(operations, inside.gate(), inside.narrow());
    operations.add(hidden, inside.narrow());
  }

  @Override
  public void observe(Tensor hidden, int sequenceLength, InputObserver observer) {
    Workspace.Activations inside = workspace.forTokens(hidden.rows());
    attend(hidden, sequenceLength, observer, inside);
    activateMlp(hidden, observer, inside);
  }

  private void attend(
      Tensor hidden, int sequenceLength, InputObserver observer, Workspace.Activations inside) {
    operations.rmsNorm(hidden, attentionNorm, config.epsilon(), inside.narrow());
    observer.input(List.of(query.module(), key.module(), value.module()), inside.narrow());
    query.apply(operations, inside.narrow(), inside.query());
    key.apply(operations, inside.narrow(), inside.key());
    value.apply(operations, inside.narrow(), inside.value());

    rotary.prepare(sequenceLength);
    int headSize = config.headSize();
    operations.rotate(inside.query(), headSize, rotary.cosines(), rotary.sines());
    operations.rotate(inside.key(), headSize, rotary.cosines(), rotary.sines());
    operations.attention(
        inside.query(),
        inside.key(),
        inside.value(),
        config.attention(sequenceLength),
        null,
        inside.attended());

    observer.input(List.of(output.module()), inside.attended());
    output.apply(operations, inside.attended(), inside.narrow());
    operations.add(hidden, inside.narrow());
  }

  /** Leaves the input of the down projection in the gate's place. */
  private void activateMlp(Tensor hidden, InputObserver observer, Workspace.Activations inside) {
    operations.rmsNorm(hidden, mlpNorm, config.epsilon(), inside.narrow());
    observer.input(List.of(gate.module(), up.module()), inside.narrow());
    gate.apply(operations, inside.narrow(), inside.gate());
    up.apply(operations, inside.narrow(), inside.up());
    operations.gate(Activation.SILU, inside.gate(), inside.up(), inside.gate());
    observer.input(List.of(down.module()), inside.gate());
  }

  private Stream<Linear> linears() {
    return Stream.of(query, key, value, output, gate, up, down);
  }

  @Override
  public void replace(String module, WeightMatrix weight) {
    linears()
        .filter(linear -> linear.module().equals(module))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no module " + module))
        .replace(operations, weight);
  }

  @Override
  public void close() {
    attentionNorm.close();
    mlpNorm.close();
    linears().forEach(Linear::close);
    arena.close();
  }
}

package io.github.wandacuda.model;

import io.github.wandacuda.forward.Activation;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A block's MLP. */
public sealed interface MlpDescription {

  /**
   * {@code down(activation(up(x)))}.
   *
   * @param up [wide, hidden]
   * @param activation between them
   * @param down [hidden, wide]
   */
  record Plain(LinearDescription up, Activation activation, LinearDescription down)
      implements MlpDescription {}

  /**
   * {@code down(activation(gate(x)) * up(x))} (Shazeer, arXiv 2002.05202).
   *
   * @param gate [wide, hidden]
   * @param up as {@code gate}
   * @param activation of the gate
   * @param down [hidden, wide]
   */
  record Gated(
      LinearDescription gate, LinearDescription up, Activation activation, LinearDescription down)
      implements MlpDescription {}

  /**
   * Like {@link Gated}, with one linear module for gate and up.
   *
   * @param gateUp [2 * wide, hidden], the gate's rows first
   * @param activation of the gate
   * @param down [hidden, wide]
   */
  record FusedGated(LinearDescription gateUp, Activation activation, LinearDescription down)
      implements MlpDescription {}

  /**
   * A mixture of experts: the sum of a token's experts, weighed by a router (Jiang et al., arXiv
   * 2401.04088, section 2.1).
   *
   * @param router [experts, hidden]
   * @param expertsPerToken how many experts a token is sent to
   * @param renormalize whether a token's weights are divided by their sum
   * @param expert describes an expert by its index
   * @param shared the expert of all tokens, or null
   */
  record Experts(
      LinearDescription router,
      int expertsPerToken,
      boolean renormalize,
      IntFunction<MlpDescription> expert,
      SharedExpert shared)
      implements MlpDescription {
    /** Returns all experts, described one after the other. */
    public Stream<MlpDescription> all() {
      return IntStream.range(0, router.rows()).mapToObj(expert);
    }
  }

  /**
   * An expert for all tokens, weighed by {@code sigmoid(gate(x))}.
   *
   * @param gate [1, hidden]
   * @param mlp the expert
   */
  record SharedExpert(LinearDescription gate, MlpDescription mlp) {}
}

package io.github.wandacuda.model.description;

import java.util.stream.Stream;

/** A block's linear modules, from its description alone. */
final class Linears {
  private Linears() {}

  /** Returns them one after the other. */
  static Stream<LinearDescription> of(BlockDescription block) {
    Stream<LinearDescription> projections =
        block.attention().projection() instanceof ProjectionDescription.Separate separate
            ? Stream.of(separate.query(), separate.key(), separate.value())
            : Stream.of(((ProjectionDescription.Fused) block.attention().projection()).linear());
    return Stream.of(projections, Stream.of(block.attention().output()), linears(block.mlp()))
        .flatMap(linears -> linears);
  }

  private static Stream<LinearDescription> linears(MlpDescription mlp) {
    if (mlp instanceof MlpDescription.Plain plain) {
      return Stream.of(plain.up(), plain.down());
    }
    if (mlp instanceof MlpDescription.Gated gated) {
      return Stream.of(gated.gate(), gated.up(), gated.down());
    }
    if (mlp instanceof MlpDescription.FusedGated fused) {
      return Stream.of(fused.gateUp(), fused.down());
    }
    MlpDescription.Experts experts = (MlpDescription.Experts) mlp;
    Stream<LinearDescription> routed =
        Stream.concat(Stream.of(experts.router()), experts.all().flatMap(Linears::linears));
    return experts.shared() == null
        ? routed
        : Stream.concat(
            routed,
            Stream.concat(Stream.of(experts.shared().gate()), linears(experts.shared().mlp())));
  }
}

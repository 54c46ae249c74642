package io.github.wandacuda.pruning.fit;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The modules that write into the residual stream: the last of each block's attention and of its
 * MLP or experts. Fitting these makes up for what went wrong before them.
 */
public final class OutputProjections {
  private OutputProjections() {}

  /**
   * Returns why a model's output projections can't be fitted, or nothing if they can.
   *
   * @param update how they would be fitted
   * @param requantize whether fitted weights may be rounded to the codes of a quantized checkpoint
   */
  public static Optional<InputException> problem(
      ModelDirectory model, Update update, boolean requantize) {
    ModelConfig config = model.config();
    DecoderDescription decoder = DecoderFamilies.of(config).describe(config);
    boolean additive =
        IntStream.range(0, decoder.shape().blocks())
            .mapToObj(decoder.block())
            .allMatch(BlockDescription::isAdditive);
    if (update == Update.REALIGN && !additive) {
      return Optional.of(
          ErrorDetails.file(config.file())
              .wrong(
                  "blocks that add two branches one after the other, each without a norm behind"
                      + " it, to realign",
                  "others"));
    }
    return of(model).stream()
        .filter(module -> !PruningRules.canFit(module, requantize))
        .findFirst()
        .map(OutputProjections::notPlain);
  }

  /** Returns the output projections of a model, in the order of its modules. */
  public static List<LinearModule> of(ModelDirectory model) {
    ModelConfig config = model.config();
    Set<String> names = Set.copyOf(DecoderFamilies.of(config).describe(config).outputs(model));
    return model.modules().stream().filter(module -> names.contains(module.name())).toList();
  }

  /**
   * Returns the failure of a module whose weights are codes, and so can't be fitted.
   *
   * @param module a quantized one
   */
  public static InputException notPlain(LinearModule module) {
    boolean rounds = module.quantized().canRequantize();
    return (rounds ? module.place().hint("`requantize` rounds them to its codes") : module.place())
        .wrong("weights that aren't quantized, to be fitted", module.format());
  }
}

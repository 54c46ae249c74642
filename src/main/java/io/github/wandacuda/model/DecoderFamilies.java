package io.github.wandacuda.model;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** The decoder families whose forward pass is known. */
public final class DecoderFamilies {
  private DecoderFamilies() {}

  /** Returns all of them, in the order of their model types. */
  public static List<DecoderFamily> known() {
    return ServiceLoader.load(DecoderFamily.class, DecoderFamilies.class.getClassLoader()).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparing(DecoderFamily::modelType))
        .toList();
  }

  /**
   * Returns the family of a model: by its architecture, or where that says nothing of a language
   * model, by its model type.
   *
   * @throws InputException if it is none of the known ones
   */
  public static DecoderFamily of(ModelConfig config) {
    List<DecoderFamily> known = known();
    Predicate<DecoderFamily> named = family -> family.architecture().equals(config.architecture());
    Predicate<DecoderFamily> typed =
        family -> family.modelType().equals(config.modelType()) && isBare(config, family);
    return known.stream()
        .filter(named.or(typed))
        .findFirst()
        .orElseThrow(() -> unknown(config, known));
  }

  /** Returns whether the architecture is the decoder without a head, such as LlamaModel. */
  private static boolean isBare(ModelConfig config, DecoderFamily family) {
    String architecture = config.architecture();
    return architecture.isEmpty()
        || (architecture.endsWith("Model")
            && family.architecture().startsWith(architecture.replaceAll("Model$", "")));
  }

  private static InputException unknown(ModelConfig config, List<DecoderFamily> known) {
    String names =
        known.stream()
            .map(family -> "%s (%s)".formatted(family.modelType(), family.architecture()))
            .collect(Collectors.joining(", "));
    return new InputException(
        ("%s: no forward pass for architecture '%s' (model_type '%s'); known are %s; 'prune"
                + " --statistics' and 'prune --method magnitude' need none and work all the same")
            .formatted(
                config.file(),
                Printable.of(config.architecture()),
                Printable.of(config.modelType()),
                names));
  }
}

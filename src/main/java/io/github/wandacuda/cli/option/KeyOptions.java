package io.github.wandacuda.cli.option;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.recipe.MethodKey;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Spec;

/** Options of keys that say what is done to a module. */
public final class KeyOptions {
  private final Map<MethodKey, OptionSpec> options = new EnumMap<>(MethodKey.class);

  public KeyOptions(MethodKey... keys) {
    for (MethodKey key : keys) {
      options.put(
          key,
          OptionSpec.builder(option(key))
              .paramLabel(key.placeholder())
              .type(key.type() == Integer.class ? Integer.class : String.class)
              .description(OptionNames.in(key.help()))
              .build());
    }
  }

  @Spec
  void addTo(CommandSpec mixin) {
    options.values().forEach(mixin::addOption);
  }

  static String option(MethodKey key) {
    return "--" + key.label();
  }

  /** Returns the words that an option takes, or none. */
  public static Stream<String> words(String option) {
    return Stream.of(MethodKey.values())
        .filter(key -> option(key).equals(option))
        .flatMap(key -> key.words().stream());
  }

  public Map<MethodKey, Object> values() {
    Map<MethodKey, Object> values = new EnumMap<>(MethodKey.class);
    options.forEach(
        (key, option) -> {
          Object given = option.getValue();
          if (given != null) {
            values.put(key, key.read(given.toString(), option(key)));
          }
        });
    if (values.containsKey(MethodKey.SPARSITY) && values.containsKey(MethodKey.PATTERN)) {
      throw new UsageException("--sparsity and --pattern exclude each other");
    }
    return values;
  }

  public Optional<Sparsity> sparsity() {
    Map<MethodKey, Object> values = values();
    return Optional.ofNullable(
        (Sparsity) values.getOrDefault(MethodKey.SPARSITY, values.get(MethodKey.PATTERN)));
  }
}

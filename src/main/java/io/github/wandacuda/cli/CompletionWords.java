package io.github.wandacuda.cli;

import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.evaluate.Tasks;
import io.github.wandacuda.job.record.Card;
import io.github.wandacuda.pruning.Allocation;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.Unreached;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The words that a shell offers as an option's value. */
final class CompletionWords {
  private CompletionWords() {}

  /** Adds them to the options of the commands of a program that prints nothing but the script. */
  public static void add(CommandLine program) {
    for (CommandLine subcommand : program.getSubcommands().values()) {
      CommandSpec command = subcommand.getCommandSpec();
      for (OptionSpec option : List.copyOf(command.options())) {
        List<String> words = words(option);
        if (!words.isEmpty()) {
          command.remove(option);
          // picocli keeps the words by the label, which must not be another option's then.
          String label = option.longestName().substring(2);
          command.addOption(
              option.toBuilder().paramLabel(label).completionCandidates(words).build());
        }
      }
    }
  }

  private static List<String> words(OptionSpec option) {
    if (option.type().isEnum()) {
      return of(option.type().getEnumConstants(), Object::toString);
    }
    return switch (option.longestName()) {
      case "--method" -> of(Method.values(), Method::label);
      case "--methods" -> ComparedMethods.words();
      case "--allocation" -> Allocation.Rule.labels();
      case "--backend" ->
          Stream.concat(
                  Stream.of(Backends.AUTO),
                  Backends.providers().stream().map(BackendProvider::name))
              .toList();
      case "--cluster" -> Clusters.names();
      case "--combine-masks" -> List.of("intersection", "union");
      case "--device" -> List.of("0", "all");
      case "--plan" -> Card.known().stream().map(Card::name).toList();
      case "--refine" -> List.of(ModuleRules.SWAPS);
      case "--scope" -> of(ModuleRules.Scope.values(), ModuleRules.Scope::label);
      case "--tasks" -> Tasks.names();
      case "--unreached" -> of(Unreached.values(), Unreached::label);
      case "--update" -> List.of(ModuleRules.RECONSTRUCT);
      default -> List.of();
    };
  }

  private static <T> List<String> of(T[] values, Function<T, String> label) {
    return Arrays.stream(values).map(label).map(word -> word.toLowerCase(Locale.ROOT)).toList();
  }
}

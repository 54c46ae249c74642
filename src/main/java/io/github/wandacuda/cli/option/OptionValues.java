package io.github.wandacuda.cli.option;

import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.cluster.Clusters;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.evaluate.Tasks;
import io.github.wandacuda.hub.KnownText;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Unreached;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/**
 * How the values of options are read, by their types, and which words an option takes. The message
 * about a malformed value says in one line what was expected.
 */
public final class OptionValues {
  private static final int LONGEST_NUMBER = 40;

  private OptionValues() {}

  /** Takes a file, or the short name of a published text that is in the cache. */
  public static final class TextConverter implements ITypeConverter<Path> {
    @Override
    public Path convert(String given) {
      return KnownText.find(given, System.getenv());
    }
  }

  /** Has a command line, whose commands are there already, read values in these ways. */
  public static CommandLine readBy(CommandLine line) {
    ITypeConverter<Integer> integer =
        text -> (int) whole(text, Integer.MIN_VALUE, Integer.MAX_VALUE);
    return line.registerConverter(Integer.class, integer)
        .registerConverter(int.class, integer)
        .registerConverter(long.class, text -> whole(text, Long.MIN_VALUE, Long.MAX_VALUE))
        .registerConverter(Path.class, OptionValues::path)
        .registerConverter(Pattern.class, OptionValues::pattern);
  }

  /** Reads a whole number. */
  private static long whole(String text, long least, long most) {
    if (text.length() > LONGEST_NUMBER || !text.matches("[+-]?\\d+")) {
      throw new TypeConversionException(
          "expected a whole number such as 128, found '%s'".formatted(text));
    }
    BigInteger value = new BigInteger(text);
    if (value.compareTo(BigInteger.valueOf(least)) < 0
        || value.compareTo(BigInteger.valueOf(most)) > 0) {
      throw new TypeConversionException(
          "expected a whole number of at most %d, found %s".formatted(most, text));
    }
    return value.longValueExact();
  }

  /** Refuses what a variable is that a shell hasn't set: it would be the current directory. */
  private static Path path(String text) {
    if (text.isEmpty()) {
      throw new TypeConversionException("expected a file or folder, found ''");
    }
    return Path.of(text);
  }

  private static Pattern pattern(String text) {
    try {
      return NamePatterns.compile(text);
    } catch (PatternSyntaxException e) {
      throw new TypeConversionException(
          "'%s' is no regular expression: %s".formatted(Printable.of(text), e.getDescription()));
    }
  }

  /**
   * Adds the words that a shell offers as an option's value to the options of the commands of a
   * program that prints nothing but the script.
   */
  public static void offerWords(CommandLine program) {
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

  /** Returns the words that an option takes, in small letters; none if it takes other values. */
  public static List<String> words(OptionSpec option) {
    if (option.type().isEnum()) {
      return of(option.type().getEnumConstants(), Object::toString);
    }
    return switch (option.longestName()) {
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
      case "--score" -> scores();
      case "--tasks" -> Tasks.names();
      case "--unreached" -> of(Unreached.values(), Unreached::label);
      default -> KeyOptions.words(option.longestName()).toList();
    };
  }

  /** Returns the scores of all parts; {@code auto} has none of its own. */
  private static List<String> scores() {
    return Stream.of(Structure.values())
        .filter(structure -> structure != Structure.AUTO)
        .flatMap(structure -> structure.scores().stream())
        .distinct()
        .toList();
  }

  private static <T> List<String> of(T[] values, Function<T, String> label) {
    return Arrays.stream(values).map(label).map(word -> word.toLowerCase(Locale.ROOT)).toList();
  }
}

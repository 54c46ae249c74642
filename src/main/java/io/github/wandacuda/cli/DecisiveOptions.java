package io.github.wandacuda.cli;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The options of a command that can change a number of its result: all but those that are listed
 * here, so that none is forgotten.
 */
final class DecisiveOptions {
  /** Where results go, what is printed and how the machine is used. */
  private static final Set<String> IDLE =
      Set.of(
          ("--checkpoint-every --cluster --dry-run --evaluate --help --io --json "
                  + "--no-verify --output --overwrite --quiet --report --resume --save-masks "
                  + "--save-statistics --threads --verbose --version --yes")
              .split(" "));

  /** Their content has a digest, or the device a name for its arithmetic, which count instead. */
  private static final Set<String> DIGESTED =
      Set.of(
          ("--backend --calibration --data --device --model --precision --statistics "
                  + "--tasks --text --windows")
              .split(" "));

  private DecisiveOptions() {}

  /**
   * Returns the names of a command's options that count.
   *
   * @param others that don't, since what they say is told apart otherwise
   */
  public static Set<String> names(CommandSpec command, String... others) {
    Set<String> left = Stream.of(others).collect(Collectors.toSet());
    return command.options().stream()
        .map(option -> option.longestName())
        .filter(name -> !IDLE.contains(name) && !DIGESTED.contains(name) && !left.contains(name))
        .collect(Collectors.toSet());
  }

  /** Returns the values of those {@link #names} that have one. */
  static Map<String, String> values(CommandSpec command, String... others) {
    Map<String, String> values = new TreeMap<>();
    for (String name : names(command, others)) {
      Object value = command.findOption(name).getValue();
      if (value != null) {
        values.put(name, value.toString());
      }
    }
    return values;
  }
}

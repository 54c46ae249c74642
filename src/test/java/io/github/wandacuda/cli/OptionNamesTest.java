package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.cli.option.OptionNames;
import io.github.wandacuda.error.ErrorDetails;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

class OptionNamesTest {
  private static final Path SOURCES = Path.of("src/main/java/io/github/wandacuda");
  private static final Pattern LITERAL = Pattern.compile("\"(?:\\\\.|[^\"\\\\\n])*\"");

  /** Options of Java, which a program that embeds the library gives too. */
  private static final List<String> JAVAS = List.of("--add-modules", "--enable-native-access");

  private static final Pattern NAMED = Pattern.compile("`([a-z][a-z-]*)`");
  private static final Pattern OPTION = Pattern.compile("[\"'( ]--[a-z]");

  static List<String> settings() {
    return OptionNames.SETTINGS;
  }

  @ParameterizedTest
  @MethodSource("settings")
  void eachIsAnOption(String setting) {
    assertThat(options()).contains("--" + setting);
  }

  private static Set<String> options() {
    Set<String> names = new TreeSet<>();
    for (Object command :
        List.of(
            new PruneCommand(),
            new CalibrateCommand(),
            new VerifyCommand(),
            new EvaluateCommand(),
            new GenerateCommand())) {
      names.addAll(new CommandLine(command).getCommandSpec().optionsMap().keySet());
    }
    return names;
  }

  @Test
  void whatTheLibraryNamesIsKnown() throws IOException {
    Set<String> named = new TreeSet<>();
    for (String literal : literalsOfTheLibrary()) {
      Matcher names = NAMED.matcher(literal);
      while (names.find()) {
        named.add(names.group(1));
      }
    }
    assertThat(named).isNotEmpty().isSubsetOf(OptionNames.SETTINGS);
  }

  @Test
  void theLibraryKnowsNoOption() throws IOException {
    assertThat(literalsOfTheLibrary())
        .isNotEmpty()
        .noneMatch(literal -> OPTION.matcher(literal).find());
  }

  private static List<String> literalsOfTheLibrary() throws IOException {
    try (Stream<Path> files = Files.walk(SOURCES)) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .filter(file -> !file.startsWith(SOURCES.resolve("cli")))
          .filter(file -> !file.startsWith(SOURCES.resolve("launcher")))
          .flatMap(file -> LITERAL.matcher(read(file)).results().map(found -> found.group()))
          .filter(literal -> JAVAS.stream().noneMatch(literal::contains))
          .toList();
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void onlySettingsBecomeOptions() {
    assertThat(OptionNames.in("less `samples` than `words`"))
        .isEqualTo("less --samples than `words`");
    assertThat(OptionNames.in((String) null)).isNull();
  }

  @Test
  void allPartsOfAFailureButWhatWasFoundAreTranslated() {
    ErrorDetails details =
        ErrorDetails.file(Path.of("`samples`"))
            .part("`include`")
            .expected("`output`", "`resume`")
            .hint("`method` magnitude");
    assertThat(OptionNames.in(details).line())
        .isEqualTo("`samples`: --include: expected --output, found `resume`; --method magnitude");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--exclude --join | --join joins them, or take less; leave it out with --exclude 'q'",
        "--exclude | take less; leave it out with --exclude 'q'",
        "--join | --join joins them, or take less",
        "--tasks | take less"
      })
  void aHintNamesNoOptionThatACommandLacks(String options, String expected) {
    ErrorDetails details =
        ErrorDetails.of("text")
            .expected("more", "less")
            .hint("`join` joins them, or take less; leave it out with `exclude` 'q'");
    assertThat(OptionNames.in(details, Set.of(options.split(" "))::contains).hint())
        .isEqualTo(expected);
  }

  @Test
  void aHintWithoutAWayOutIsNone() {
    ErrorDetails details = ErrorDetails.of("text").expected("more", "less");
    assertThat(OptionNames.in(details.hint("`join` joins them"), option -> false).hint()).isNull();
    assertThat(OptionNames.in(details.hint("`join` of 'wanda-cuda prune'"), none -> false).hint())
        .isEqualTo("--join of 'wanda-cuda prune'");
    assertThat(OptionNames.in(details, option -> false).hint()).isNull();
  }

  @Test
  void whatWasFoundIsNotTranslatedInASentenceEither() {
    ErrorDetails details =
        ErrorDetails.of("`include`")
            .expected("a pattern that is found", "'`samples`'")
            .said("'`samples`' matches nothing, and `exclude` is empty");
    assertThat(OptionNames.in(details).line())
        .isEqualTo("--include: '`samples`' matches nothing, and --exclude is empty");
  }
}

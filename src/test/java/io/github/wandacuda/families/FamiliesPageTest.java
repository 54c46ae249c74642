package io.github.wandacuda.families;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.docs.Page;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.family.KnownFamilies;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What the pages say of families is what the program knows and what tests check. {@code
 * -Dfamilies.write} writes a row for each model type that has none, and the numbers of models; a
 * row that is there stays as someone has worded it.
 */
class FamiliesPageTest {
  private static final Path PAGE = Page.SITE.resolve("families.md");
  private static final String HEAD = "| `model_type` |";

  /** A model type in a row's first cell, but for that of a model around the decoder. */
  private static final Pattern MODEL_TYPE = Pattern.compile("(?<!in )`(\\w+)`");

  @Test
  void thePageHasEachModelTypeOnceAndTheNumbersOfModels() throws IOException {
    String page = Files.readString(PAGE);
    if (System.getProperty("families.write") != null) {
      page = counted(withRows(page));
      Files.writeString(PAGE, page);
    }
    assertThat(modelTypes(page))
        .as("mvn test -Dtest=FamiliesPageTest -Dfamilies.write writes what is missing")
        .containsExactlyInAnyOrderElementsOf(KnownFamilies.modelTypes());
    assertThat(page)
        .as("mvn test -Dtest=FamiliesPageTest -Dfamilies.write writes the numbers of models")
        .isEqualTo(counted(page));
  }

  @Test
  void theReadmeNamesFamiliesOfThePage() throws IOException {
    String list =
        between(Files.readString(Path.of("README.md")), "## Families\n", " and more:")
            .replaceAll("\\([^)]*\\)", "");
    String known = String.join("\n", rows(Files.readString(PAGE)));
    for (String name : list.split(",")) {
      assertThat(known).as("README.md's list of families").containsIgnoringCase(name.strip());
    }
  }

  private static String between(String text, String from, String to) {
    int begin = text.indexOf(from) + from.length();
    return text.substring(begin, text.indexOf(to, begin));
  }

  private static List<String> rows(String page) {
    return between(page, HEAD, "\n\n").lines().skip(2).toList();
  }

  private static List<String> modelTypes(String page) {
    return rows(page).stream().flatMap(FamiliesPageTest::modelTypesOf).toList();
  }

  private static Stream<String> modelTypesOf(String row) {
    String cell = row.substring(0, row.indexOf(" |"));
    return MODEL_TYPE.matcher(cell).results().map(type -> type.group(1));
  }

  private static String withRows(String page) {
    List<String> known = KnownFamilies.modelTypes();
    List<String> named = modelTypes(page);
    List<String> rows = new ArrayList<>(rows(page));
    rows.removeIf(row -> modelTypesOf(row).noneMatch(known::contains));
    known.stream().filter(type -> !named.contains(type)).forEach(type -> rows.add(row(type)));
    return page.replace(String.join("\n", rows(page)), String.join("\n", rows));
  }

  private static String row(String type) {
    String architectures =
        KnownFamilies.all().stream()
            .filter(family -> family.modelType().equals(type))
            .map(DecoderFamily::architecture)
            .map(name -> name.replaceAll("For[A-Z]\\w+$", ""))
            .collect(Collectors.joining(", "));
    String fixtures =
        TestData.families().stream()
            .filter(name -> name.equals(type) || name.startsWith(type + "-"))
            .map(name -> "`" + name + "`")
            .collect(Collectors.joining(", "));
    String sizes =
        SecondSizes.all().stream()
            .filter(model -> model.config().contains("\"model_type\": \"%s\"".formatted(type)))
            .map(model -> model.name().replaceFirst("^[^,]*, ", ""))
            .collect(Collectors.joining("; "));
    return "| `%s` | %s | %s | %s |"
        .formatted(type, architectures, fixtures, sizes)
        .replace("|  |", "| |");
  }

  /** Returns the page with how many models there are of each kind. */
  private static String counted(String page) {
    String counted =
        count(page, " small random models in `testdata/fixtures`", TestData.families());
    counted = count(counted, " more models, of other sizes", SecondSizes.all());
    return count(counted, " models in these formats", TestData.quantized());
  }

  private static String count(String page, String what, List<?> models) {
    Matcher number = Pattern.compile("\\d+(?=" + Pattern.quote(what) + ")").matcher(page);
    assertThat(number.results().map(MatchResult::group)).as(what).hasSize(1);
    return number.replaceFirst(String.valueOf(models.size()));
  }
}

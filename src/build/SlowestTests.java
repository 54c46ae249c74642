import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Writes the slowest classes of tests into the page for contributors, from the reports of the last
 * {@code mvn verify}.
 */
class SlowestTests {
  private static final int MOST = 30;
  private static final Path PAGE = Path.of("src/site/markdown/contributing.md");
  private static final String BEGIN = "<!-- slowest tests -->\n";
  private static final String END = "<!-- /slowest tests -->\n";
  private static final Pattern SUITE =
      Pattern.compile("<testsuite [^>]*?\\bname=\"([\\w.]+)[^>]*?\\btime=\"([\\d.,]+)\"");

  private static final Pattern TEST = Pattern.compile("<testcase [^>]*?\\btime=\"([\\d.,]+)\"");

  private static double number(String text) {
    return Double.parseDouble(text.replace(",", ""));
  }

  private static double tests(String report) {
    return TEST.matcher(report).results().mapToDouble(test -> number(test.group(1))).sum();
  }

  public static void main(String[] args) throws IOException {
    Map<String, Double> seconds = new TreeMap<>();
    for (String kind : new String[] {"surefire", "failsafe"}) {
      Path reports = Path.of("target", kind + "-reports");
      try (Stream<Path> files = Files.list(reports)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".xml")).toList()) {
          String report = Files.readString(file);
          Matcher suite = SUITE.matcher(report);
          if (suite.find()) {
            String name = suite.group(1).substring(suite.group(1).lastIndexOf('.') + 1);
            // Classes side by side also wait, for each other's threads, after their first test.
            boolean sideBySide = kind.equals("surefire") && !file.toString().contains("-gpu");
            seconds.merge(name, sideBySide ? tests(report) : number(suite.group(2)), Double::sum);
          }
        }
      }
    }
    double all = seconds.values().stream().mapToDouble(Double::doubleValue).sum();
    String rows =
        seconds.entrySet().stream()
            .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
            .limit(MOST)
            .map(
                row ->
                    String.format(Locale.ROOT, "| `%s` | %.0f |%n", row.getKey(), row.getValue()))
            .collect(Collectors.joining());
    String table =
        String.format(
            Locale.ROOT,
            "| class | seconds |%n|---|---:|%n%s| all %d | %.0f |%n",
            rows,
            seconds.size(),
            all);
    String page = Files.readString(PAGE);
    int from = page.indexOf(BEGIN) + BEGIN.length();
    Files.writeString(PAGE, page.substring(0, from) + table + page.substring(page.indexOf(END)));
  }
}

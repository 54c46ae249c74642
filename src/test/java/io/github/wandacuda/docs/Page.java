package io.github.wandacuda.docs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A Markdown file: its lines, code blocks, links, headings and code spans. */
public final class Page {
  /** The folder of the site's pages. */
  public static final Path SITE = Path.of("src/site/markdown");

  /** The pages that quote files of {@code src/embedding}, which are compiled there. */
  public static final List<Path> QUOTING =
      List.of(SITE.resolve("embedding.md"), SITE.resolve("engines.md"));

  private static final Pattern LINK =
      Pattern.compile("\\[(?:[^\\[\\]]|\\[[^\\[\\]]*])*]\\(([^()\\s]+)\\)");
  private static final Pattern CODE_SPAN = Pattern.compile("`([^`]+)`");
  private static final Pattern ID = Pattern.compile("<a id=\"([^\"]+)\"></a>");
  private static final Pattern HEADING = Pattern.compile("#{1,6} +(.*)");
  private static final Pattern FENCE = Pattern.compile("(\\s*)```(\\w*).*");

  private final Path file;
  private final List<String> lines;
  private final List<Block> blocks = new ArrayList<>();
  private final List<String> text = new ArrayList<>();

  private Page(Path file, List<String> lines) {
    this.file = file;
    this.lines = lines;
    parse();
  }

  /**
   * A fenced block of code.
   *
   * @param line the number of its first line
   * @param language the word after the fence, empty if there is none
   */
  public record Block(Path page, int line, String language, List<String> lines) {
    /** Returns the lines as one text. */
    public String text() {
      return String.join("\n", lines) + "\n";
    }

    @Override
    public String toString() {
      return page + ":" + line;
    }
  }

  public static Page read(Path file) {
    try {
      return new Page(file, Files.readAllLines(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the README and the pages of the site: those whose code is run or compiled. */
  public static List<Page> readmeAndSite() {
    List<Page> pages = new ArrayList<>(List.of(read(Path.of("README.md"))));
    pages.addAll(markdown(SITE));
    return pages;
  }

  /** Returns all pages of the repository that people read. */
  public static List<Page> all() {
    List<Page> pages = new ArrayList<>(readmeAndSite());
    pages.add(read(Path.of("SECURITY.md")));
    Stream.of("bench", "kernels", "testdata", "src/test")
        .forEach(folder -> pages.addAll(markdown(Path.of(folder))));
    return pages;
  }

  private static List<Page> markdown(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> file.toString().endsWith(".md") && !file.toString().contains("target"))
          .sorted()
          .map(Page::read)
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void parse() {
    for (int index = 0; index < lines.size(); index++) {
      Matcher fence = FENCE.matcher(lines.get(index));
      if (!fence.matches()) {
        text.add(lines.get(index));
        continue;
      }
      int end = index + 1;
      while (!lines.get(end).strip().equals("```")) {
        end++;
      }
      int indent = fence.group(1).length();
      List<String> content =
          lines.subList(index + 1, end).stream()
              .map(line -> line.substring(Math.min(indent, line.length())))
              .toList();
      blocks.add(new Block(file, index + 1, fence.group(2), content));
      index = end;
    }
  }

  public Path file() {
    return file;
  }

  /** Returns the number of lines. */
  public int length() {
    return lines.size();
  }

  /** Returns the fenced blocks of code. */
  public List<Block> blocks() {
    return Collections.unmodifiableList(blocks);
  }

  /** Returns the targets of all links and pictures. */
  public List<String> links() {
    return text.stream()
        .map(line -> CODE_SPAN.matcher(line).replaceAll("code"))
        .flatMap(line -> LINK.matcher(line).results())
        .map(match -> match.group(1))
        .toList();
  }

  /** Returns what stands between backquotes. */
  public List<String> codeSpans() {
    return text.stream()
        .flatMap(line -> CODE_SPAN.matcher(line).results())
        .map((MatchResult match) -> match.group(1))
        .toList();
  }

  /** Returns the anchors that are written as such: those that the built site has too. */
  public Set<String> ids() {
    Set<String> ids = new HashSet<>();
    text.stream()
        .flatMap(line -> ID.matcher(line).results())
        .forEach(match -> ids.add(match.group(1)));
    return ids;
  }

  /** Returns the anchors that a code host makes of headings. */
  public Set<String> slugs() {
    Set<String> slugs = new HashSet<>();
    for (String line : text) {
      Matcher heading = HEADING.matcher(line);
      if (heading.matches()) {
        slugs.add(
            heading
                .group(1)
                .toLowerCase(Locale.ROOT)
                .replaceAll("[^\\p{L}\\p{N} _-]", "")
                .replace(' ', '-'));
      }
    }
    return slugs;
  }

  @Override
  public String toString() {
    return file.toString();
  }
}

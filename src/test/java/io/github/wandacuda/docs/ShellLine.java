package io.github.wandacuda.docs;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * One command of a block of code, or one that a transcript shows with what it printed.
 *
 * @param words its words, without quotes, variables before it and redirections
 * @param output the lines that a transcript shows after it
 * @param exitCode what a transcript says of it by {@code echo $?}
 */
public record ShellLine(
    Page.Block block, List<String> words, List<String> output, OptionalInt exitCode) {
  private static final String PROMPT = "$ ";

  /** Returns the commands of a block, in their order; text and code of other kinds has none. */
  public static List<ShellLine> of(Page.Block block) {
    List<ShellLine> commands = new ArrayList<>();
    List<String> lines = block.lines();
    for (int index = 0; index < lines.size(); index++) {
      boolean isTranscript = !block.language().equals("sh");
      if (isTranscript && !lines.get(index).startsWith(PROMPT)) {
        continue;
      }
      StringBuilder command =
          new StringBuilder(lines.get(index).substring(isTranscript ? PROMPT.length() : 0));
      while (command.toString().endsWith("\\")) {
        index++;
        command.setLength(command.length() - 1);
        command.append(' ').append(lines.get(index).strip());
      }
      List<String> output = new ArrayList<>();
      while (isTranscript && index + 1 < lines.size() && !lines.get(index + 1).startsWith(PROMPT)) {
        index++;
        output.add(lines.get(index));
      }
      split(block, command.toString(), output, commands);
    }
    return commands;
  }

  /** Returns whether this is a call of the program. */
  public boolean isProgram() {
    return programWords() > 0;
  }

  /** Returns what the program is given. */
  public List<String> arguments() {
    return words.subList(programWords(), words.size());
  }

  private int programWords() {
    if (words.getFirst().equals("wanda-cuda")) {
      return 1;
    }
    int jar = words.indexOf("-jar");
    return words.getFirst().equals("java")
            && jar > 0
            && words.get(jar + 1).endsWith("wanda-cuda.jar")
        ? jar + 2
        : 0;
  }

  private static void split(
      Page.Block block, String command, List<String> output, List<ShellLine> commands) {
    List<String> words = new ArrayList<>();
    for (String word : words(command)) {
      if (List.of("&&", "||", ";", "|").contains(word)) {
        commands.add(new ShellLine(block, List.copyOf(words), output, OptionalInt.empty()));
        words.clear();
      } else if (!(words.isEmpty() && word.matches("[A-Z_]+=.*"))) {
        words.add(word);
      }
    }
    if (words.equals(List.of("echo", "$?"))) {
      ShellLine asked = commands.removeLast();
      OptionalInt exitCode = OptionalInt.of(Integer.parseInt(output.getFirst()));
      commands.add(new ShellLine(block, asked.words, asked.output, exitCode));
    } else if (!words.isEmpty()) {
      commands.add(new ShellLine(block, List.copyOf(words), output, OptionalInt.empty()));
    }
  }

  /** Splits as a shell does; a redirection and its file are left out. */
  private static List<String> words(String command) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    boolean isWord = false;
    char quote = 0;
    for (char c : (command + " ").toCharArray()) {
      if (quote != 0) {
        if (c == quote) {
          quote = 0;
        } else {
          word.append(c);
        }
      } else if (c == '\'' || c == '"') {
        quote = c;
        isWord = true;
      } else if (c == '#' && !isWord) {
        break;
      } else if (c == ' ') {
        if (isWord) {
          words.add(word.toString());
          word.setLength(0);
          isWord = false;
        }
      } else {
        word.append(c);
        isWord = true;
      }
    }
    if (quote != 0) {
      throw new IllegalArgumentException("a quote without an end: " + command);
    }
    while (words.stream().anyMatch(each -> each.matches("[12]?>"))) {
      int at = words.stream().map(each -> each.matches("[12]?>")).toList().indexOf(true);
      words.subList(at, at + 2).clear();
    }
    words.removeIf(each -> each.matches("[12&]?>.+"));
    return words;
  }

  @Override
  public String toString() {
    return block + " " + String.join(" ", words);
  }
}

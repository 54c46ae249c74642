package io.github.wandacuda.launcher;

import io.github.wandacuda.cli.Main;
import io.github.wandacuda.launcher.trust.PrintableText;
import io.github.wandacuda.launcher.trust.TrustedPaths;
import io.github.wandacuda.system.ParentTie;
import io.github.wandacuda.system.ProcessReplacement;
import io.github.wandacuda.system.ThisRuntime;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Starts the program with native access and, if the command gains by it, with the Vector API and
 * the options of {@link KernelOptions}. It uses the first of three ways that works:
 *
 * <ol>
 *   <li>This Java has all that the program needs (because the command needs no vectors, by the
 *       user's own options, in a runtime image made for it, or as the result of one of the two ways
 *       below): the program is called in this process.
 *   <li>This Java is new enough: it is replaced by another start of itself, by {@code execv}. The
 *       program keeps pid, signals, exit code, files and streams. This needs a Unix and native
 *       access, which the jar's manifest enables.
 *   <li>Otherwise the program runs in a child process, with the JDK that {@link JdkSearch} finds if
 *       this Java is too old or lacks the module. The child has this process's standard streams
 *       (not other open files, so {@code <(command)} needs one of the other ways), gets its signals
 *       and ends when this process ends, even by SIGKILL; the exit code is the child's.
 * </ol>
 *
 * <p>The module is loaded after Java has started ({@link ThisRuntime#load}). The option {@code
 * --add-modules} is used only if that fails, because with it the JVM prints a line about incubator
 * modules that can't be turned off. A Java that was started in the POSIX locale is always started
 * again, in a locale in which it can name all files.
 *
 * <p>The program gets all JVM options of this process. Since this process runs with them too, an
 * option that opens a port or a file, such as a debugger's, should be given together with {@code
 * --add-modules jdk.incubator.vector}, with which the first way works.
 *
 * <p>The program and the classes of {@code io.github.wandacuda.system} are compiled for the newest
 * Java. This class may name them as long as no older Java executes a call of them.
 */
public final class Launcher {
  /** The oldest Java that the program runs on, with which it was tested. */
  static final int JAVA = 25;

  static final String MODULE = ThisRuntime.VECTOR_MODULE;

  /** Set for a process that a launcher started: to {@link #IN_PLACE} or to the launcher's pid. */
  private static final String LAUNCHED = "wandacuda.launched";

  private static final String IN_PLACE = "in-place";

  /** Lets {@link ThisRuntime#load} load the module. */
  private static final String LOADING = "--add-exports=java.base/jdk.internal.module=ALL-UNNAMED";

  /** Lets the program call native code. */
  private static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";

  /** Moves the JVM's own messages, such as that it can't start a thread, from stdout to stderr. */
  private static final List<String> MESSAGES =
      Collections.unmodifiableList(Arrays.asList("-Xlog:disable", "-Xlog:all=warning:stderr"));

  /** Commands that read and compare, without any kernel. */
  private static final List<String> COMMANDS_WITHOUT = Arrays.asList("inspect", "verify");

  private static final List<String> HELP = Arrays.asList("--help", "-h");

  private static final int FAILED = 1;

  private Launcher() {}

  /** Starts the program. */
  public static void main(String[] args) throws InterruptedException {
    boolean recent = JavaHome.feature(System.getProperty("java.specification.version")) >= JAVA;
    String launched = System.getProperty(LAUNCHED);
    boolean vectors = needsVectors(args);
    boolean able = recent && ThisRuntime.hasNativeAccess();
    // Files of any name can be opened, or another start wouldn't help.
    boolean named = launched != null || !isInPosixLocale();
    if (able && (!vectors || hasVectors(launched)) && named) {
      if (launched != null && !launched.equals(IN_PLACE)) {
        ParentTie.to(Long.parseLong(launched));
      }
      Main.main(args);
      return;
    }
    CommandLine line = CommandLine.ofThisProcess(args);
    if (launched == null) {
      System.exit(startAgain(args, line, recent, vectors));
    }
    if (able && ThisRuntime.contains(MODULE) && !ThisRuntime.hasResolved(MODULE)) {
      // This Java can't load the module later, so the JVM's own option does, which prints a line.
      replace(line, Arrays.asList("--add-modules", MODULE));
    }
    // A process that a launcher has started doesn't start another one, or that would never end.
    System.exit(fail(args, missing(Collections.<Path, String>emptyMap())));
  }

  /** Returns whether the command gains by the Vector API; others need no second start of Java. */
  static boolean needsVectors(String[] args) {
    boolean command = args.length > 0 && !args[0].startsWith("-");
    boolean helpOnCommand = args.length == 2 && HELP.contains(args[1]);
    return command && !helpOnCommand && !COMMANDS_WITHOUT.contains(args[0]);
  }

  /**
   * Returns whether all that the program does is to copy a part of a model: experts go by
   * statistics, and no text runs through the model. Words in a file aren't looked for.
   */
  static boolean copies(String[] args) {
    String line = " " + String.join(" ", args).replace('=', ' ') + " ";
    return line.startsWith(" prune ")
        && line.contains(" --structure experts ")
        && line.contains(" --statistics ")
        && !line.contains(" --evaluate ")
        && !line.contains(" @");
  }

  private static boolean hasVectors(String launched) {
    return ThisRuntime.hasResolved(MODULE) || (launched != null && ThisRuntime.load(MODULE));
  }

  /**
   * Returns whether this Java was started in the C or POSIX locale, which is used if no other was
   * chosen (in containers, by cron) or the chosen one isn't installed. It can't name files beyond
   * ASCII. In the locale {@code C.UTF-8} it can; glibc has it since 2.35, Debian and musl for
   * longer.
   */
  private static boolean isInPosixLocale() {
    String encoding = System.getProperty("sun.jnu.encoding");
    return encoding != null
        && Charset.isSupported(encoding)
        && Charset.forName(encoding).equals(StandardCharsets.US_ASCII);
  }

  private static int startAgain(String[] args, CommandLine line, boolean recent, boolean vectors)
      throws InterruptedException {
    if (recent && (!vectors || ThisRuntime.contains(MODULE))) {
      JavaHome home = JavaHome.ofThisProcess();
      List<String> options = options(args, recent, vectors, line);
      replace(line, with(options, IN_PLACE));
      return startBelow(args, home, line, options);
    }
    JdkLocations places = JdkLocations.ofThisMachine();
    JdkSearch search = new JdkSearch(TrustedPaths.ofThisProcess());
    JavaHome home = search.best(places.homes());
    if (home == null) {
      return fail(args, missing(search.passedOver()));
    }
    if (!Arrays.asList(args).contains("--quiet")) {
      warnOfNamed(places.named(), search.passedOver().get(places.named()));
    }
    return startBelow(args, home, line, options(args, recent, vectors, line));
  }

  /** Replaces this process; returns only if that isn't possible. */
  private static void replace(CommandLine line, List<String> options) {
    if (ProcessReplacement.isPossible()) {
      String java = JavaHome.ofThisProcess().java().toString();
      ProcessReplacement.exec(line.encoded(java, options), line.variables(), variables());
    }
  }

  private static int startBelow(
      String[] args, JavaHome home, CommandLine line, List<String> options)
      throws InterruptedException {
    String java = home.java().toString();
    try {
      List<String> command = line.words(java, with(options, pid()));
      return ChildProcess.run(command, line.variables(), variables());
    } catch (IOException e) {
      return fail(args, "wanda-cuda can't start " + java + ": " + e.getMessage());
    }
  }

  /** Returns the environment variables with which a program starts that can name all files. */
  private static Map<String, String> variables() {
    if (!isInPosixLocale()) {
      return Collections.<String, String>emptyMap();
    }
    boolean all = !System.getenv().getOrDefault("LC_ALL", "").isEmpty();
    return Collections.singletonMap(all ? "LC_ALL" : "LC_CTYPE", "C.UTF-8");
  }

  private static List<String> options(
      String[] args, boolean recent, boolean vectors, CommandLine line) {
    List<String> options = new ArrayList<>();
    // What this process has, by the jar's manifest or the user's options, the next one has too, and
    // starts 20 ms sooner without either option.
    if (!recent || !ThisRuntime.hasNativeAccess()) {
      options.add(NATIVE_ACCESS);
    }
    if (vectors && (!recent || !ThisRuntime.canLoad())) {
      options.add(LOADING);
    }
    if (vectors) {
      options.addAll(MESSAGES);
      options.addAll(KernelOptions.beside(line.given(System.getenv()), !copies(args)));
    }
    return options;
  }

  private static List<String> with(List<String> options, String launched) {
    List<String> more = new ArrayList<>(options);
    more.add("-D" + LAUNCHED + "=" + launched);
    return more;
  }

  /** Returns the pid of this process, for which Java 8 has no method. */
  private static String pid() {
    try {
      return Paths.get("/proc/self").toRealPath().getFileName().toString();
    } catch (IOException noProc) {
      String pidAtHost = ManagementFactory.getRuntimeMXBean().getName();
      return pidAtHost.substring(0, pidAtHost.indexOf('@'));
    }
  }

  private static void warnOfNamed(Path named, String objection) {
    if (objection != null) {
      System.err.println(
          "wanda-cuda: passed over JAVA_HOME, "
              + PrintableText.printable(named)
              + ": "
              + objection);
    }
  }

  private static int fail(String[] args, String message) {
    boolean json = Arrays.asList(args).contains("--json");
    System.err.println(json ? PrintableText.jsonError(message, FAILED) : message);
    return FAILED;
  }

  private static String missing(Map<Path, String> passedOver) {
    return missing(System.getProperty("java.version"), System.getProperty("java.home"), passedOver);
  }

  /** Returns the message, in one line, that no Java can run the program. */
  static String missing(String version, String home, Map<Path, String> passedOver) {
    StringBuilder message = new StringBuilder("wanda-cuda needs a JDK ");
    message.append(JAVA).append(" or newer with the module ").append(MODULE);
    message.append(" (Eclipse Temurin ").append(JAVA).append(", for example), found Java ");
    message.append(version).append(" in ").append(home).append(" and no other that will do");
    String before = ", passed over where others than root and you may have a hand in it: ";
    for (Map.Entry<Path, String> each : passedOver.entrySet()) {
      message.append(before).append(PrintableText.printable(each.getKey()));
      message.append(" (").append(each.getValue()).append(")");
      before = ", ";
    }
    return message.append(": install one, or let JAVA_HOME point to one").toString();
  }
}

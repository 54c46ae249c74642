import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Looks for links in a built site that lead nowhere, and ends with exit code 1 if there is one. Links to other hosts aren't
 * followed.
 *
 * <pre>java src/site/DeadLinks.java target/site</pre>
 */
public class DeadLinks {
  private static final Pattern LINK = Pattern.compile("(?:href|src)=\"([^\"]*)\"");
  private static final String OTHER_HOSTS = "(?:[a-z]+:|//).*";

  public static void main(String[] args) throws IOException {
    Path site = Path.of(args[0]);
    List<Path> pages;
    try (Stream<Path> files = Files.list(site)) {
      pages = files.filter(file -> file.toString().endsWith(".html")).sorted().toList();
    }
    int links = 0;
    int dead = 0;
    for (Path page : pages) {
      Matcher link = LINK.matcher(Files.readString(page));
      while (link.find()) {
        if (!link.group(1).matches(OTHER_HOSTS)) {
          links++;
          if (isDead(page, URI.create(link.group(1)))) {
            dead++;
            System.err.println(page + ": dead link: " + link.group(1));
          }
        }
      }
    }
    System.out.println(pages.size() + " pages, " + links + " links, " + dead + " of them dead");
    System.exit(dead > 0 || links == 0 ? 1 : 0);
  }

  private static boolean isDead(Path page, URI link) throws IOException {
    String path = link.getPath();
    Path target = path.isEmpty() ? page : page.resolveSibling(path);
    if (!Files.exists(target)) {
      return true;
    }
    // What isn't HTML is shown as it is, from its beginning.
    return link.getFragment() != null
        && target.toString().endsWith(".html")
        && !Files.readString(target).contains("id=\"" + link.getFragment() + "\"");
  }
}

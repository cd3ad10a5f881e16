def write_page(document, path): path.write_text("x")

package report

import (
	_ "embed"
	"html/template"
)

//go:embed style.html
var styleText string

// ParsePage makes the template of a page. It can use the template "style",
// which belongs into the page's <style> and holds what all pages look like,
// with the colours of the figures. It panics if the text is no template.
func ParsePage(name, text string) *template.Template {
	page := template.New(name).Funcs(template.FuncMap{
		"lightPalette": func() template.CSS { return template.CSS(paletteCSS(lightPalette)) },
		"darkPalette":  func() template.CSS { return template.CSS(paletteCSS(darkPalette)) },
	})
	return template.Must(template.Must(page.Parse(styleText)).Parse(text))
}

"""Routes of the pages, which hold no data; scripts fetch it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from plexor.readers.question import Language
from plexor.readers.wording import catalogue, page, preferred

router = APIRouter()


def _page(request: Request, name: str) -> HTMLResponse:
    site = request.app.state.site
    language = preferred(request.headers.get("accept-language", ""), site.design.languages)
    return HTMLResponse(page(name, language))


@router.get("/", response_class=HTMLResponse)
@router.get("/enter", response_class=HTMLResponse)
def enter(request: Request) -> HTMLResponse:
    """The page of a personal link; the token after # stays in the browser."""
    return _page(request, "enter.html")


@router.get("/study", response_class=HTMLResponse)
def study(request: Request) -> HTMLResponse:
    """The page for reading."""
    return _page(request, "study.html")


@router.get("/investigator", response_class=HTMLResponse)
def investigator(request: Request) -> HTMLResponse:
    """The investigator's page."""
    return _page(request, "investigator.html")


@router.get("/screen", response_class=HTMLResponse)
def screen(request: Request) -> HTMLResponse:
    """The page with grey steps, to check a screen."""
    return _page(request, "screen.html")


@router.get("/texts/{language}")
def texts(language: Language) -> JSONResponse:
    """The texts of the pages in a language."""
    return JSONResponse(catalogue(language))
